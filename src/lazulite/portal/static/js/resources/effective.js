// What holds at a network interface in the end: rules of every group over it, and routes of every source.
import { html, useState } from '../html.js';
import { write } from '../api.js';
import { parseId, useLoad } from '../lab.js';
import { Empty, Loading, Problem, Table, Tag } from '../parts.js';
import { useRevision } from './revision.js';
import { nameOf, shortId } from './words.js';

export const hasEffective = type => /^microsoft\.(network\/networkinterfaces|compute\/virtualmachines)$/i.test(type);

/** Ids of the interfaces of a machine; an interface has itself. */
export const interfacesOf = document =>
  /networkInterfaces$/i.test(parseId(document.id).type)
    ? [document.id]
    : (document.properties.networkProfile?.networkInterfaces ?? []).map(nic => nic.id);

export function Effective({ document }) {
  const nics = interfacesOf(document);
  const [nic, choose] = useState(nics[0]);
  if (!nic) return html`<${Empty} title="No interface">A machine without an interface has no rules and no routes.<//>`;
  return html`<div class="holds">${
    nics.length > 1 &&
    html`<label>Interface <select value=${nic}
    onChange=${e => choose(e.target.value)}>${nics.map(
      id => html`<option
    value=${id}>${nameOf(id)}</option>`,
    )}</select></label>`
  }
    <${Answer} nic=${nic} verb="effectiveNetworkSecurityGroups" title="Effective rules" columns=${RULES}
      rows=${rulesOf}/>
    <${Answer} nic=${nic} verb="effectiveRouteTable" title="Effective routes" columns=${ROUTES}
      rows=${answer => answer.value ?? []}/></div>`;
}

function Answer({ nic, verb, title, columns, rows }) {
  const applied = useRevision('applied');
  const found = useLoad(signal => write('POST', `${nic}/${verb}`, {}, { signal }), [nic, verb], [applied]);
  return html`<section class="card" aria-label=${title}><h2>${title}</h2><${Problem} error=${found.error}/>
    ${!found.value && found.loading && html`<${Loading}/>`}
    ${
      found.value &&
      html`<${Table} label=${title} columns=${columns}
      rows=${rows(found.value).map((row, at) => ({ ...row, at }))} keyOf=${row => row.at} empty="None."/>`
    }</section>`;
}

/** Every rule of every group, in the order in which each group asks them. */
export const rulesOf = answer =>
  (answer.value ?? [])
    .flatMap(group =>
      (group.effectiveSecurityRules ?? []).map(rule => ({
        ...rule,
        group: group.networkSecurityGroup?.id ? nameOf(group.networkSecurityGroup.id) : '',
        at: shortId(group.association?.subnet?.id ?? group.association?.networkInterface?.id ?? ''),
      })),
    )
    .sort(
      (a, b) => a.direction.localeCompare(b.direction) || a.group.localeCompare(b.group) || a.priority - b.priority,
    );

const every = text => (text === '0-65535' || text === '0.0.0.0/0' ? 'any' : text);
const ports = words => (words ?? []).map(word => every(word.replace(/^(\d+)-\1$/, '$1'))).join(', ');
const prefixes = words => (words ?? []).map(every).join(', ');
const RULES = [
  { name: 'Direction', of: row => row.direction },
  { name: 'Priority', of: row => row.priority, number: true },
  {
    name: 'Access',
    of: row => row.access,
    show: row => html`<${Tag} kind=${row.access === 'Allow' ? 'good' : 'bad'}>${row.access}<//>`,
  },
  { name: 'Rule', of: row => nameOf(row.name) },
  { name: 'Group', of: row => row.group },
  { name: 'Protocol', of: row => (row.protocol === 'All' ? 'any' : row.protocol) },
  { name: 'From', of: row => prefixes(row.sourceAddressPrefixes) },
  { name: 'To', of: row => prefixes(row.destinationAddressPrefixes) },
  { name: 'Port', of: row => ports(row.destinationPortRanges) },
];
const ROUTES = [
  { name: 'Source', of: row => row.source },
  {
    name: 'State',
    of: row => row.state,
    show: row => html`<${Tag} kind=${row.state === 'Active' ? 'good' : 'plain'}>${row.state}<//>`,
  },
  { name: 'Prefix', of: row => (row.addressPrefix ?? []).join(', ') },
  { name: 'Next hop', of: row => row.nextHopType },
  { name: 'Next hop address', of: row => (row.nextHopIpAddress ?? []).join(', ') },
  { name: 'Name', of: row => row.name ?? '' },
];
