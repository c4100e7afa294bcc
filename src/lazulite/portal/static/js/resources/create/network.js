// A virtual network with its subnets.
import { html } from '../../html.js';
import { useLab } from '../../lab.js';
import { Button, Field } from '../../parts.js';
import { useChoices } from '../choices.js';
import { Choice } from '../inputs.js';
import { idOf } from '../paths.js';
import { Frame, Place, START, Text, useWizard } from './wizard.js';

const GROUPS = 'Microsoft.Network/networkSecurityGroups';
const words = text => text.split(/[\s,]+/).filter(Boolean);
const FIRST = {
  ...START,
  name: '',
  space: '10.0.0.0/16',
  subnets: [{ name: 'default', prefix: '10.0.0.0/24', security: '' }],
};
const TARGETS = { name: /^name$/, group: /resourcegroup/i, location: /^location$/, space: /addressspace/i };

/** The body of the network. */
export function bodyOf({ location, space, subnets }) {
  const subnet = ({ name, prefix, security }) => ({
    name,
    properties: { addressPrefix: prefix, ...(security ? { networkSecurityGroup: { id: security } } : {}) },
  });
  return { location, properties: { addressSpace: { addressPrefixes: words(space) }, subnets: subnets.map(subnet) } };
}

export default function Network() {
  const { subscription } = useLab();
  const wizard = useWizard(FIRST, TARGETS);
  const { name, group, location, subnets } = wizard.value;
  const groups = useChoices(GROUPS);
  const change = (at, part) =>
    wizard.put(
      'subnets',
      subnets.map((row, index) => (index === at ? { ...row, ...part } : row)),
    );
  const add = () =>
    wizard.put('subnets', [...subnets, { name: `subnet${subnets.length + 1}`, prefix: '', security: '' }]);
  const wrong = (at, part) =>
    (wizard.problem?.rows ?? [])
      .filter(
        row => row.target.startsWith(`properties.subnets[${at}]`) && (part === 'name') === row.target.endsWith('.name'),
      )
      .map(row => `${row.code}: ${row.message}`)[0];
  const request = () => ({
    path: idOf(subscription, group, 'Microsoft.Network/virtualNetworks', name),
    body: bodyOf(wizard.value),
  });
  return html`<${Frame} wizard=${wizard} request=${request} group=${group} location=${location} ready=${name && group}>
    <div class="fields two"><${Text} wizard=${wizard} name="name" label="Name *" required/><${Place} wizard=${wizard}/>
      <${Text} wizard=${wizard} name="space" label="Address space *"
        hint="One prefix or several, with commas between."/></div>
    <fieldset><legend>Subnets</legend>${subnets.map(
      (row, at) => html`<div class="entry triple" key=${at}>
      <${Field} label=${`Name of subnet ${at + 1}`} error=${wrong(at, 'name')}><input value=${row.name}
        onInput=${e => change(at, { name: e.target.value })}/><//>
      <${Field} label=${`Prefix of subnet ${at + 1}`} error=${wrong(at, 'prefix')}><input value=${row.prefix}
        onInput=${e => change(at, { prefix: e.target.value })}/><//>
      <${Field} label=${`Security group of subnet ${at + 1}`}><${Choice} found=${groups} value=${row.security}
        set=${id => change(at, { security: id })}/><//>
      <${Button} aria-label=${`Remove subnet ${at + 1}`} onClick=${() =>
        wizard.put(
          'subnets',
          subnets.filter((_, index) => index !== at),
        )}>✕<//></div>`,
    )}
      <${Button} onClick=${add}>Add subnet<//></fieldset><//>`;
}
