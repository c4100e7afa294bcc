// The two ends of a packet: as addresses of the page, and as a form for those who do not click.
import { html, useState } from '../html.js';
import { get } from '../api.js';
import { Button } from '../parts.js';
import { endOf } from './tree.js';

const PROTOCOLS = ['tcp', 'udp', 'icmp'];

/** {from, to, protocol, port} of the page's address. */
export function asked(query) {
  const protocol = PROTOCOLS.includes(query.get('protocol')) ? query.get('protocol') : 'tcp';
  const port = Number(query.get('port') ?? 443);
  return { from: query.get('from') ?? '', to: query.get('to') ?? '', protocol, port: Number.isInteger(port) && port > 0 && port < 65536 ? port : 443 };
}

/** The page's address for a question. */
export function address({ from, to, protocol, port }) {
  const query = new URLSearchParams({ ...(from && { from }), ...(to && { to }), protocol, ...(protocol !== 'icmp' && { port }) });
  return `/topology?${query}`;
}

/** Protocol and port that a frontend serves: those of the first of its rules, where the question's are of none. */
export async function served(node, { protocol, port }) {
  if (node.kind !== 'balancer' || !/\/loadBalancers\//i.test(node.id)) return {};
  const balancer = await get(node.id.slice(0, node.id.toLowerCase().indexOf('/frontendipconfigurations/'))).catch(() => null);
  const rules = (balancer?.properties.loadBalancingRules ?? []).map(r => r.properties)
    .filter(r => r.frontendIPConfiguration.id.toLowerCase() === node.id.toLowerCase() && r.protocol !== 'All');
  if (!rules.length || rules.some(r => r.protocol.toLowerCase() === protocol && r.frontendPort === port)) return {};
  return { protocol: rules[0].protocol.toLowerCase(), port: rules[0].frontendPort };
}

/** From, To, protocol and port; `go(question)` on submit. What is typed is of the question that it was typed over. */
export function Ends({ question, nodes, go }) {
  const of = address(question);
  const [typed, type] = useState({});
  const now = typed.of === of ? typed.now : question;
  const set = next => type({ of, now: next });
  const known = [...nodes.values()];
  const names = [...new Set(known.map(n => endOf(n, known)).filter(Boolean))];
  const put = name => event => set({ ...now, [name]: event.target.value });
  const submit = event => {
    event.preventDefault();
    go({ ...now, from: now.from.trim(), to: now.to.trim(), port: Number(now.port) || 443 });
  };
  return html`<form class="ends" onSubmit=${submit} aria-label="Trace a packet">
    <datalist id="ends">${names.map(name => html`<option key=${name} value=${name}/>`)}</datalist>
    <label>From<input list="ends" required placeholder="machine or client" value=${now.from} onInput=${put('from')}/></label>
    <button type="button" class="swap" aria-label="Swap the ends" title="Swap the ends" onClick=${() => set({ ...now, from: now.to, to: now.from })}>⇅</button>
    <label>To<input list="ends" required placeholder="machine, address or name" value=${now.to} onInput=${put('to')}/></label>
    <label>Protocol<select value=${now.protocol} onChange=${put('protocol')}>${PROTOCOLS.map(p => html`<option key=${p} value=${p}>${p}</option>`)}</select></label>
    <label>Port<input type="number" min="1" max="65535" value=${now.port} disabled=${now.protocol === 'icmp'} onInput=${put('port')}/></label>
    <${Button} type="submit" primary>Trace<//></form>`;
}
