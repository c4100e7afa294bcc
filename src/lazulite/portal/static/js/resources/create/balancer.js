// A load balancer: where clients speak to it, who answers, how they are asked for their health, and one rule.
import { html } from '../../html.js';
import { useLab } from '../../lab.js';
import { Field } from '../../parts.js';
import { useChoices } from '../choices.js';
import { Choice } from '../inputs.js';
import { idOf } from '../paths.js';
import { ownerOf } from '../words.js';
import { DeploymentFrame, Place, Select, START, template, Text, useWizard, VERSION } from './wizard.js';

const TYPE = 'Microsoft.Network/loadBalancers';
const FIRST = {
  ...START,
  name: '',
  side: 'public',
  subnet: '',
  address: '',
  members: [],
  probe: 'Tcp',
  probePort: '80',
  probePath: '/',
  protocol: 'Tcp',
  port: '80',
  target: '80',
};
const TARGETS = {
  name: /(^|\/)name$/,
  subnet: /frontendIPConfigurations.*subnet/i,
  address: /privateIPAddress/i,
  members: /backendAddress(Pools|es)/i,
  probePort: /probes.*\.port/i,
  probePath: /probes.*requestPath/i,
  probe: /probes.*protocol/i,
  port: /loadBalancingRules.*frontendPort/i,
  target: /loadBalancingRules.*backendPort/i,
  location: /(^|\/)location$/,
};

/** The template of a balancer at `id`; `members` are rows of interfaces' configurations. */
export function templateOf(value, id, members) {
  const { name, location, side, subnet, address, probe, probePath, protocol } = value;
  const ip = `${name}-ip`;
  const open = side === 'public';
  const shown = `[resourceId('Microsoft.Network/publicIPAddresses', '${ip}')]`;
  const frontend = open
    ? { publicIPAddress: { id: shown } }
    : {
        subnet: { id: subnet },
        privateIPAllocationMethod: address ? 'Static' : 'Dynamic',
        ...(address ? { privateIPAddress: address } : {}),
      };
  const own = (wire, child) => ({ id: `${id}/${wire}/${child}` });
  const member = row => ({
    name: row.id.split('/').at(-3),
    properties: {
      ipAddress: row.properties.privateIPAddress,
      virtualNetwork: { id: ownerOf(row.properties.subnet.id) },
    },
  });
  const properties = {
    frontendIPConfigurations: [{ name: 'frontend', properties: frontend }],
    backendAddressPools: [{ name: 'pool', properties: { loadBalancerBackendAddresses: members.map(member) } }],
    probes: [
      {
        name: 'probe',
        properties: {
          protocol: probe,
          port: Number(value.probePort),
          ...(probe === 'Tcp' ? {} : { requestPath: probePath }),
        },
      },
    ],
    loadBalancingRules: [
      {
        name: 'rule',
        properties: {
          protocol,
          frontendPort: Number(value.port),
          backendPort: Number(value.target),
          frontendIPConfiguration: own('frontendIPConfigurations', 'frontend'),
          backendAddressPool: own('backendAddressPools', 'pool'),
          probe: own('probes', 'probe'),
        },
      },
    ],
  };
  return template([
    ...(open
      ? [
          {
            type: 'Microsoft.Network/publicIPAddresses',
            apiVersion: VERSION,
            name: ip,
            location,
            sku: { name: 'Standard' },
            properties: { publicIPAllocationMethod: 'Static' },
          },
        ]
      : []),
    {
      type: TYPE,
      apiVersion: VERSION,
      name,
      location,
      sku: { name: 'Standard' },
      ...(open ? { dependsOn: [shown] } : {}),
      properties,
    },
  ]);
}

export default function Balancer() {
  const { subscription } = useLab();
  const wizard = useWizard(FIRST, TARGETS);
  const subnets = useChoices('Microsoft.Network/virtualNetworks/subnets');
  const interfaces = useChoices('Microsoft.Network/networkInterfaces/ipConfigurations');
  const { name, group, side, subnet, members, probe } = wizard.value;
  const id = idOf(subscription, group, TYPE, name);
  const rows = (interfaces.value ?? []).filter(choice => members.includes(choice.id)).map(choice => choice.row);
  const turn = (member, on) =>
    wizard.put('members', on ? [...members, member] : members.filter(other => other !== member));
  const ready = Boolean(name && group && (side === 'public' || subnet));
  return html`<${DeploymentFrame} wizard=${wizard} name=${name} template=${templateOf(wizard.value, id, rows)}
    ready=${ready} then=${id}>
    <div class="fields two"><${Text} wizard=${wizard} name="name" label="Name *" required/><${Place}
      wizard=${wizard}/></div>
    <fieldset><legend>Frontend</legend><div class="fields two"><${Select} wizard=${wizard} name="side"
      label="Clients are" options=${[['public', 'on the Internet: a new public address'], ['private', 'in the network: a private address']]}/>
      ${
        side === 'private' &&
        html`<${Field} label="Subnet *" error=${wizard.error('subnet')}><${Choice} found=${subnets} value=${subnet}
          set=${next => wizard.put('subnet', next)}/><//>
        <${Text} wizard=${wizard} name="address" label="Private address" hint="Left empty, the next free one."/>`
      }</div></fieldset>
    <fieldset><legend>Who answers</legend>${(interfaces.value ?? []).map(
      choice => html`<label class="check" key=${choice.id}><input type="checkbox"
        checked=${members.includes(choice.id)} onChange=${e => turn(choice.id, e.target.checked)}/>
      ${choice.label} <span class="quiet">${choice.row.properties.privateIPAddress}</span></label>`,
    )}
      ${
        interfaces.value?.length === 0 &&
        html`<small
        class="quiet">There is no interface yet.</small>`
      }${
        wizard.error('members') &&
        html`<small class="wrong"
        role="alert">${wizard.error('members')}</small>`
      }</fieldset>
    <fieldset><legend>Health probe</legend><div class="fields two"><${Select} wizard=${wizard} name="probe"
      label="Probe by" options=${[['Tcp', 'TCP'], ['Http', 'HTTP'], ['Https', 'HTTPS']]}/>
      <${Text} wizard=${wizard} name="probePort" label="Probe port"
        inputmode="numeric"/>${
          probe !== 'Tcp' &&
          html`<${Text} wizard=${wizard} name="probePath"
        label="Path"/>`
        }</div></fieldset>
    <fieldset><legend>Rule</legend><div class="fields two"><${Select} wizard=${wizard} name="protocol"
      label="Protocol" options=${[['Tcp', 'TCP'], ['Udp', 'UDP']]}/>
      <${Text} wizard=${wizard} name="port" label="Frontend port" inputmode="numeric"/><${Text} wizard=${wizard}
        name="target" label="Backend port" inputmode="numeric"/></div></fieldset><//>`;
}
