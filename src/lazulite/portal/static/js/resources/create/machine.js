// A virtual machine with its interface, and a public address where one is wanted: a deployment of two or three resources.
import { html } from '../../html.js';
import { useLab } from '../../lab.js';
import { Field } from '../../parts.js';
import { useChoices } from '../choices.js';
import { Choice } from '../inputs.js';
import { idOf } from '../paths.js';
import { DeploymentFrame, Place, Select, START, template, Text, useWizard, VERSION } from './wizard.js';

const FIRST = { ...START, name: '', subnet: '', security: '', address: '', public: 'none', script: '' };
const TARGETS = {
  name: /(^|\/)name$|computerName/i,
  address: /privateIPAddress/i,
  subnet: /\.subnet/i,
  security: /networkSecurityGroup/i,
  public: /publicIPAddress/i,
  script: /customData/i,
  location: /(^|\/)location$/,
};
const SERVE = '#!/bin/sh\n';

/** Base64 of text as UTF-8, as `customData` has it. */
export const base64 = text => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** The template of a machine. */
export function templateOf(value) {
  const { name, location, subnet, security, address, script } = value;
  const nic = `${name}-nic`;
  const ip = `${name}-ip`;
  const fresh = value.public === 'new';
  const shown = fresh
    ? { id: `[resourceId('Microsoft.Network/publicIPAddresses', '${ip}')]` }
    : value.public !== 'none'
      ? { id: value.public }
      : undefined;
  const configuration = {
    subnet: { id: subnet },
    privateIPAllocationMethod: address ? 'Static' : 'Dynamic',
    ...(address ? { privateIPAddress: address } : {}),
    ...(shown ? { publicIPAddress: shown } : {}),
  };
  const resources = [
    ...(fresh
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
      type: 'Microsoft.Network/networkInterfaces',
      apiVersion: VERSION,
      name: nic,
      location,
      ...(fresh ? { dependsOn: [shown.id] } : {}),
      properties: {
        ipConfigurations: [{ name: 'ipconfig1', properties: configuration }],
        ...(security ? { networkSecurityGroup: { id: security } } : {}),
      },
    },
    {
      type: 'Microsoft.Compute/virtualMachines',
      apiVersion: VERSION,
      name,
      location,
      dependsOn: [`[resourceId('Microsoft.Network/networkInterfaces', '${nic}')]`],
      properties: {
        hardwareProfile: { vmSize: 'Standard_B1s' },
        osProfile: {
          computerName: name,
          adminUsername: 'azureuser',
          adminPassword: "[parameters('adminPassword')]",
          ...(script.trim() && script !== SERVE ? { customData: base64(script) } : {}),
        },
        networkProfile: {
          networkInterfaces: [{ id: `[resourceId('Microsoft.Network/networkInterfaces', '${nic}')]` }],
        },
      },
    },
  ];
  return template(resources, { adminPassword: { type: 'securestring', defaultValue: "[concat('Lz1!', newGuid())]" } });
}

export default function Machine({ query }) {
  const { subscription } = useLab();
  const wizard = useWizard({ ...FIRST, subnet: query.get('subnet') ?? '' }, TARGETS);
  const subnets = useChoices('Microsoft.Network/virtualNetworks/subnets');
  const groups = useChoices('Microsoft.Network/networkSecurityGroups');
  const addresses = useChoices('Microsoft.Network/publicIPAddresses');
  const { name, group, subnet } = wizard.value;
  const free = (addresses.value ?? []).filter(choice => !choice.row.properties.ipConfiguration);
  const shown = [['none', 'None'], ['new', 'A new one'], ...free.map(choice => [choice.id, choice.label])];
  const choice = (label, field, found, hint, none) =>
    html`<${Field} label=${label} hint=${hint} error=${wizard.error(field)}><${Choice} found=${found}
      value=${wizard.value[field]} set=${id => wizard.put(field, id)} none=${none}/><//>`;
  return html`<${DeploymentFrame} wizard=${wizard} name=${name} template=${templateOf(wizard.value)}
    ready=${Boolean(name && group && subnet)}
    then=${idOf(subscription, group, 'Microsoft.Compute/virtualMachines', name)}>
    <div class="fields two"><${Text} wizard=${wizard} name="name" label="Name *" required/><${Place} wizard=${wizard}/>
      ${choice('Subnet *', 'subnet', subnets, subnets.value?.length === 0 ? 'There is none yet: create a virtual network first.' : undefined, '(choose)')}
      ${choice('Security group', 'security', groups, 'Of the interface; its subnet may have another.')}
      <${Text} wizard=${wizard} name="address" label="Private address" hint="Left empty, the next free one."/>
      <${Select} wizard=${wizard} name="public" label="Public address" options=${shown}/></div>
    <${Field} label="Script at the first start" hint="Runs once in the machine, as cloud-init does (customData)."
      error=${wizard.error('script')}>
      <textarea class="mono" rows="4" spellcheck=${false} placeholder="#!/bin/sh" value=${wizard.value.script}
        onInput=${wizard.set('script')}/><//><//>`;
}
