// The rules and the routes that are in force at an interface, as the ARM actions of the interface tell them.
import { html } from '../html.js';
import { write } from '../api.js';
import { resourcePath, useLoad } from '../lab.js';
import { Loading, Problem, Tag } from '../parts.js';

const ask = (nic, action, signal) => write('POST', `${nic}/${action}`, undefined, { signal });
const rows = found => found?.value ?? found?.properties?.value ?? [];
const any = text => (['0.0.0.0/0', '*', '0-65535'].includes(text) ? 'any' : text);
const ports = list => list.map(text => (text.split('-')[0] === text.split('-')[1] ? text.split('-')[0] : any(text))).join(', ');

/** Effective security rules of an interface, group by group. */
export function Rules({ nic, revision }) {
  const found = useLoad(signal => ask(nic, 'effectiveNetworkSecurityGroups', signal), [nic], [revision]);
  if (found.error) return html`<${Problem} error=${found.error}/>`;
  if (!found.value) return html`<${Loading}/>`;
  const groups = rows(found.value);
  if (!groups.length) return html`<p class="quiet">No security group guards this interface or its subnet.</p>`;
  return groups.map(group => html`<${Group} key=${group.networkSecurityGroup.id} group=${group}/>`);
}

function Group({ group }) {
  const { id } = group.networkSecurityGroup;
  const at = group.association.subnet ? 'of the subnet' : 'of the interface';
  const sorted = group.effectiveSecurityRules.toSorted((a, b) => (a.direction < b.direction ? -1 : a.direction > b.direction ? 1 : a.priority - b.priority));
  const name = rule => rule.name.split('/').at(-1);
  return html`<section class="effective"><h3><a href=${`#${resourcePath(id)}`}>${id.split('/').at(-1)}</a> <span class="quiet">${at}</span></h3>
    ${['Inbound', 'Outbound'].map(direction => html`<table aria-label=${`${direction} rules of ${id.split('/').at(-1)}`}><thead><tr>
      <th scope="col">${direction}</th><th scope="col">From, to, port</th><th scope="col"></th></tr></thead>
      <tbody>${sorted.filter(r => r.direction === direction).map(r => html`<tr key=${r.name}><td>${r.priority}<small>${name(r)}</small></td>
        <td>${r.sourceAddressPrefixes.map(any).join(', ')} → ${r.destinationAddressPrefixes.map(any).join(', ')}<small>${r.protocol} ${ports(r.destinationPortRanges)}</small></td>
        <td><${Tag} kind=${r.access === 'Allow' ? 'good' : 'bad'}>${r.access}<//></td></tr>`)}</tbody></table>`)}</section>`;
}

/** Effective routes of an interface, the longest prefixes first. */
export function Routes({ nic, revision }) {
  const found = useLoad(signal => ask(nic, 'effectiveRouteTable', signal), [nic], [revision]);
  if (found.error) return html`<${Problem} error=${found.error}/>`;
  if (!found.value) return html`<${Loading}/>`;
  const bits = row => Math.max(...row.addressPrefix.map(p => Number(p.split('/')[1])));
  const sorted = rows(found.value).toSorted((a, b) => bits(b) - bits(a));
  return html`<table class="effective" aria-label="Effective routes"><thead><tr><th scope="col">Prefix</th><th scope="col">Next hop</th><th scope="col">Source</th></tr></thead>
    <tbody>${sorted.map((r, i) => html`<tr key=${i} class=${r.state === 'Active' ? '' : 'off'}><td class="mono">${r.addressPrefix.slice(0, 3).join(' ')}${r.addressPrefix.length > 3 && ` +${r.addressPrefix.length - 3}`}</td>
      <td>${r.nextHopType}${r.nextHopIpAddress.length > 0 && html`<small class="mono">${r.nextHopIpAddress.join(' ')}</small>`}</td>
      <td>${r.source}${r.name && html`<small>${r.name}</small>`}${r.state !== 'Active' && html` <${Tag}>${r.state}<//>`}</td></tr>`)}</tbody></table>`;
}
