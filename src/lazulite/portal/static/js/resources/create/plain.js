// Resources that are one document: name, place and a form from the schema.
import { html, useState } from '../../html.js';
import { useLab, useLoad } from '../../lab.js';
import { Field, Loading, Problem } from '../../parts.js';
import { errorsOf, Fields } from '../form.js';
import { withAt } from '../json.js';
import { idOf } from '../paths.js';
import { resolve, schemaOf } from '../schema.js';
import { Frame, Place, START, Text, useWizard } from './wizard.js';

const KINDS = {
  group: { types: [['Microsoft.Network/networkSecurityGroups', 'Network security group']], first: {} },
  address: {
    types: [['Microsoft.Network/publicIPAddresses', 'Public IP address']],
    first: { sku: { name: 'Standard' }, properties: { publicIPAllocationMethod: 'Static' } },
  },
  zone: {
    types: [
      ['Microsoft.Network/dnszones', 'Public: the Internet asks it'],
      ['Microsoft.Network/privateDnsZones', 'Private: networks that are linked to it ask it'],
    ],
    first: {},
    nowhere: true,
  },
};

export default function Plain({ kind }) {
  const [type, choose] = useState(KINDS[kind].types[0][0]);
  const schema = useLoad(() => schemaOf(type), [type]);
  if (schema.error) return html`<${Problem} error=${schema.error}/>`;
  if (!schema.value) return html`<${Loading}/>`;
  return html`<${One} key=${type} kind=${KINDS[kind]} type=${type} choose=${choose} root=${schema.value}/>`;
}

function One({ kind, type, choose, root }) {
  const { subscription } = useLab();
  const wizard = useWizard(
    { ...START, name: '', location: kind.nowhere ? 'global' : START.location },
    { name: /^name$/, location: /^location$/ },
  );
  const [draft, set] = useState(kind.first);
  const { name, group, location } = wizard.value;
  const body = { location, ...draft };
  const request = () => ({ path: idOf(subscription, group, type, name), body });
  return html`<${Frame} wizard=${wizard} request=${request} group=${group} location=${location}
    ready=${Boolean(name && group)}>
    <div class="fields two">${
      kind.types.length > 1 &&
      html`<${Field} label="Kind"><select value=${type}
      onChange=${e => choose(e.target.value)}>${kind.types.map(
        ([word, label]) => html`<option key=${word}
      value=${word} selected=${word === type}>${label}</option>`,
      )}</select><//>`
    }
      <${Text} wizard=${wizard} name="name" label="Name *" required/><${Place} wizard=${wizard}
        located=${!kind.nowhere}/></div>
    <div class="fields two"><${Fields} root=${root} schema=${resolve(root, root.properties.properties)}
      value=${draft.properties ?? {}} path="properties" skip=${[...root.children, 'zoneType']}
      change=${(path, value) => set(now => withAt(now, path, value))} errors=${errorsOf(wizard.problem)}/></div><//>`;
}
