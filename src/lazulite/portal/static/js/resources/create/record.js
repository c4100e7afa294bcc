// A set of records in a zone: the type decides what can be written.
import { html, useState } from '../../html.js';
import { parseId, resourcePath, useLoad } from '../../lab.js';
import { Field, Loading, Problem } from '../../parts.js';
import { useChoices } from '../choices.js';
import { errorsOf, Fields } from '../form.js';
import { Choice } from '../inputs.js';
import { withAt } from '../json.js';
import { resolve, schemaOf } from '../schema.js';
import { Frame, useWizard } from './wizard.js';

const PUBLIC = 'Microsoft.Network/dnszones';
const PRIVATE = 'Microsoft.Network/privateDnsZones';
const TYPES = {
  [PUBLIC]: ['A', 'AAAA', 'CNAME', 'MX', 'TXT', 'SRV', 'CAA', 'NS', 'PTR'],
  [PRIVATE]: ['A', 'AAAA', 'CNAME', 'MX', 'TXT', 'SRV', 'PTR'],
};

/** What a set of a type starts with, as its schema spells it: one empty record. */
export function startOf(root) {
  const inner = resolve(root, root.properties.properties);
  const names = Object.keys(inner.properties);
  const ttl = names.find(name => name.toLowerCase() === 'ttl');
  const held = names.find(name => /records$/i.test(name));
  return { properties: { ...(ttl ? { [ttl]: 3600 } : {}), ...(held ? { [held]: [{}] } : {}) } };
}

export default function Record({ query }) {
  const open = useChoices(PUBLIC);
  const closed = useChoices(PRIVATE);
  const [of, choose] = useState(query.get('of') ?? '');
  const [type, setType] = useState('A');
  const zone = /privateDnsZones/i.test(of) ? PRIVATE : PUBLIC;
  const zones = { loading: open.loading || closed.loading, value: [...(open.value ?? []), ...(closed.value ?? [])] };
  const schema = useLoad(() => schemaOf(`${zone}/${type}`), [zone, type]);
  return html`<div class="fields two card"><${Field} label="Zone *"><${Choice} found=${zones} value=${of}
    set=${choose} none="(choose)"/><//>
      <${Field} label="Type"><select value=${type}
        onChange=${e => setType(e.target.value)}>${TYPES[zone].map(
          word => html`<option key=${word}
        value=${word}>${word}</option>`,
        )}</select><//></div>
    <${Problem} error=${schema.error}/>${
      schema.value
        ? html`<${RecordSet} key=${`${zone}/${type}`}
      root=${schema.value} of=${of} type=${type}/>`
        : html`<${Loading}/>`
    }`;
}

function RecordSet({ root, of, type }) {
  const wizard = useWizard({ name: '' }, { name: /^name$/ });
  const [draft, set] = useState(() => startOf(root));
  const request = () => ({ path: `${of}/${type}/${wizard.value.name}`, body: draft });
  return html`<${Frame} wizard=${wizard} request=${request} ready=${Boolean(of && wizard.value.name)}
    after=${`${resourcePath(of)}?tab=${encodeURIComponent('Record sets')}`} condition=${{ 'if-none-match': '*' }}>
    <div class="fields two"><${Field} label="Name *"
      hint=${`Below ${of ? parseId(of).name : 'the zone'}; @ for the zone itself.`} error=${wizard.error('name')}>
      <input value=${wizard.value.name} onInput=${wizard.set('name')}/><//>
      <${Fields} root=${root} schema=${resolve(root, root.properties.properties)} value=${draft.properties}
        path="properties" change=${(path, value) => set(now => withAt(now, path, value))}
        errors=${errorsOf(wizard.problem)}/></div><//>`;
}
