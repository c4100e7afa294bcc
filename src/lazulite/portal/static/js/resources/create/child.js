// A rule of a security group or a route of a table: its holder, its name, and a form from the schema.
import { html, useState } from '../../html.js';
import { resourcePath, useLoad } from '../../lab.js';
import { Field, Loading, Problem } from '../../parts.js';
import { useChoices } from '../choices.js';
import { errorsOf, Fields } from '../form.js';
import { Choice } from '../inputs.js';
import { withAt } from '../json.js';
import { resolve, schemaOf } from '../schema.js';
import { Frame, useWizard } from './wizard.js';

const KINDS = {
  rule: {
    holder: 'Microsoft.Network/networkSecurityGroups',
    wire: 'securityRules',
    label: 'Security group',
    first: {
      priority: 100,
      direction: 'Inbound',
      access: 'Allow',
      protocol: 'Tcp',
      sourceAddressPrefix: '*',
      sourcePortRange: '*',
      destinationAddressPrefix: '*',
      destinationPortRange: '',
    },
  },
  route: {
    holder: 'Microsoft.Network/routeTables',
    wire: 'routes',
    label: 'Route table',
    first: { addressPrefix: '', nextHopType: 'VirtualAppliance' },
  },
};

export default function Child({ kind, query }) {
  const { holder, wire, label, first } = KINDS[kind];
  const found = useChoices(holder);
  const schema = useLoad(() => schemaOf(`${holder}/${wire}`), [holder]);
  const wizard = useWizard({ name: '' }, { name: /^name$/ });
  const [of, choose] = useState(query.get('of') ?? '');
  const [draft, set] = useState({ properties: first });
  if (!schema.value) return schema.error ? html`<${Problem} error=${schema.error}/>` : html`<${Loading}/>`;
  const request = () => ({ path: `${of}/${wire}/${wizard.value.name}`, body: draft });
  const change = (path, value) => set(now => withAt(now, path, value));
  return html`<${Frame} wizard=${wizard} request=${request} ready=${Boolean(of && wizard.value.name)}
    after=${`${resourcePath(of)}?tab=${encodeURIComponent(kind === 'rule' ? 'Security rules' : 'Routes')}`}
    condition=${{ 'if-none-match': '*' }}>
    <div class="fields two"><${Field} label=${`${label} *`}><${Choice} found=${found} value=${of} set=${choose}
      none="(choose)"/><//>
      <${Field} label="Name *" error=${wizard.error('name')}><input value=${wizard.value.name}
        onInput=${wizard.set('name')}/><//>
      <${Fields} root=${schema.value} schema=${resolve(schema.value, schema.value.properties.properties)}
        value=${draft.properties} path="properties" change=${change} errors=${errorsOf(wizard.problem)}/></div><//>`;
}
