// Beside the map: what the chosen box is, how it fares, what belongs to it, and what can be done from here.
import { html } from '../html.js';
import { get } from '../api.js';
import { parseId, resourcePath, useLoad } from '../lab.js';
import { Button, Health } from '../parts.js';
import { kindOf, told } from './captions.js';
import { Chart } from './chart.js';
import { Reason } from './reason.js';
import { HOLDERS, plain } from './tree.js';

const REFERENCES = { networkSecurityGroup: 'Security group', routeTable: 'Route table', natGateway: 'NAT gateway', publicIPAddress: 'Public IP' };
const REASONS = { stopped: 'Its machine does not run.', fault: 'A fault is on the wire of its interface.', forwards: 'Forwards packets of others.', platform: 'Azure runs it.' };

/** Id of the network interface of a machine's box, empty where it is something else's. */
export const nicOf = node => (/\/networkinterfaces\//i.test(node.key) ? node.key : '');
const link = (id, text) => html`<a href=${`#${resourcePath(id)}`}>${text ?? parseId(id).name}</a>`;

/** `acts` are {from(node), to(node), visit(key)}. */
export function Overview({ node, nodes, joints, history, moment, acts, revision }) {
  const served = joints.filter(j => j.kind === 'serves' && j.from === node.key).map(j => nodes.get(j.to)).filter(Boolean);
  const inside = node.kind === 'balancer' ? served : [...nodes.values()].filter(n => n.parent === node.key);
  const said = HOLDERS.has(node.kind) ? node.details.filter(d => d.includes('/')) : node.details;
  const parent = nodes.get(node.parent);
  const above = parent && nodes.get(parent.parent);
  return html`<div class="overview"><${Reason} ...${{ node, nodes, joints, revision }}/>
    ${node.kind === 'machine' && html`<${Chart} ...${{ node, history, moment }}/>`}
    <dl>${said.length > 0 && html`<dt>${HOLDERS.has(node.kind) ? 'Prefixes' : 'Addresses'}</dt><dd class="mono">${said.map(d => html`<div>${d}</div>`)}</dd>`}
      ${node.flags.length > 0 && html`<dt>Notes</dt><dd>${node.flags.map(flag => html`<div>${REASONS[flag] ?? flag}</div>`)}</dd>`}
      ${parent && html`<dt>${kindOf(parent)}</dt><dd><${Inside} ...${{ node: parent, acts }}/></dd>`}
      ${above?.kind === 'network' && html`<dt>${kindOf(above)}</dt><dd><${Inside} ...${{ node: above, acts }}/></dd>`}
      ${node.id && html`<dt>Resource</dt><dd>${link(node.id)}</dd>`}
      ${nicOf(node) && html`<${Interface} nic=${nicOf(node)} revision=${revision}/>`}
      ${node.kind === 'subnet' && html`<${References} id=${node.id} revision=${revision}/>`}</dl>
    <${Children} title=${node.kind === 'balancer' ? 'Backends' : 'Inside'} inside=${inside} nodes=${nodes} acts=${acts}/></div>`;
}

const Inside = ({ node, acts }) => html`<button type="button" class="linklike" onClick=${() => acts.visit(node.key)}>${node.name}</button>`;

function Interface({ nic, revision }) {
  const { value } = useLoad(signal => get(nic, { signal }), [nic], [revision]);
  const subnet = value?.properties.ipConfigurations?.[0]?.properties.subnet?.id;
  return html`<dt>Interface</dt><dd>${link(value?.id ?? nic)}</dd>${rows(value?.properties)}
    ${(value?.properties.ipConfigurations ?? []).map(c => rows(c.properties))}
    ${subnet && html`<${References} id=${subnet} of="of its subnet" revision=${revision}/>`}`;
}

function References({ id, of, revision }) {
  const { value } = useLoad(signal => get(id, { signal }), [id], [revision]);
  return rows(value?.properties, of);
}

const rows = (properties, of = '') => Object.entries(REFERENCES).filter(([name]) => properties?.[name]?.id)
  .map(([name, title]) => html`<dt>${title}</dt><dd>${link(properties[name].id)} ${of && html`<span class="quiet">${of}</span>`}</dd>`);

function Children({ title, inside, nodes, acts }) {
  if (!inside.length) return null;
  const keys = new Set(inside.map(n => n.key));
  const machines = [...nodes.values()].filter(n => n.kind === 'machine' && (keys.has(n.parent) || keys.has(n.key)));
  return html`<section><h3>${title}</h3><p class="quiet">${told(machines)}</p>
    <ul class="inside">${inside.slice(0, 60).map(n => html`<li key=${n.key}><button type="button" class="linklike" onClick=${() => acts.visit(n.key)}>${n.name}</button>
      <span class="quiet"> ${n.details[0] ?? ''}</span>${n.health && n.health !== 'ok' && html` <${Health} of=${n.health}/>`}</li>`)}</ul></section>`;
}

/** Name, kind and health, and the buttons of what a machine can do. */
export function Title({ node, acts }) {
  const ends = ['machine', 'client', 'balancer', 'internet'].includes(node.kind);
  const runs = ['machine', 'client'].includes(node.kind) && !node.flags.includes('stopped');
  return html`<header class="title"><h2>${node.name}</h2><p>${kindOf(node)} ${node.health && html` · <${Health} of=${node.health}/>`}</p>
    <div class="acts">
      ${ends && html`${node.kind !== 'balancer' && node.kind !== 'internet' && html`<${Button} onClick=${() => acts.from(node)}>Trace from here<//>`}
        <${Button} onClick=${() => acts.to(node)}>Trace to here<//>`}
      ${runs && html`<a class="button" href=${`#/terminals/${encodeURIComponent(plain(node))}`}>Terminal</a>
        <a class="button" href=${`#/captures?${new URLSearchParams({ names: plain(node) })}`}>Capture</a>`}</div></header>`;
}
