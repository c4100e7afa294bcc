// What the lab counts: throughput of machines, hits of rules, health probes, ports of shared public addresses.
import { html, useEffect, useRef, useState } from '../html.js';
import { get } from '../api.js';
import { resourcePath, useLab, useLive } from '../lab.js';
import { Health, Problem, Table, Tabs, Tag, rate } from '../parts.js';
import { Chart } from './chart.js';
import { columns, largest, seen } from './columns.js';
import { BACK_S, history, joined, subscriptionsOf } from './history.js';
import { usePolled } from './hooks.js';
import { holderOf, pageOf, percent, rated, shortId, size } from './words.js';

const TABS = ['Throughput', 'Rule hits', 'Health probes', 'SNAT ports'];
const VIEWS = { Throughput, 'Rule hits': Rules, 'Health probes': Probes, 'SNAT ports': Ports };
/** Moments of its own that the page keeps; of what is older the lab has the minutes. */
const KEPT = 300;
const DRAWN = 6;
const MINUTE_MS = 60_000;
const PASSED = ['Network In Total', 'Network Out Total'];
const TYPES = { machine: 'Microsoft.Compute/virtualMachines', client: 'Lazulite.Lab/clients' };
const BALANCERS = 'Microsoft.Network/loadBalancers';
const RULES = 'Microsoft.Network/networkSecurityGroups/securityRules';

export default function Metrics() {
  const [tab, choose] = useState(TABS[0]);
  return html`<div class="page"><header><h1>Metrics</h1></header><${Tabs} label="Metrics" tabs=${TABS} chosen=${tab} choose=${choose}/><${VIEWS[tab]} key=${tab}/></div>`;
}

const linked = origin => html`<a href=${`#${resourcePath(pageOf(origin))}`}>${shortId(origin)}</a>`;

/** The last hour by the minute, then rates once a second: the stream tells only what changes. */
function Throughput() {
  const { live } = useLab();
  useLive(now => now.structure);
  const [moments, setMoments] = useState([]);
  const [back, chooser] = useBack();
  useEffect(() => {
    const look = () => {
      if (document.hidden || live.state !== 'open') return;
      const values = {};
      for (const n of machinesOf(live)) values[idOf(n)] = (values[idOf(n)] ?? 0) + n.out + n.in;
      setMoments(now => seen(now, Date.now() / 1000, values, KEPT));
    };
    look();
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, [live]);
  const rows = machinesOf(live);
  const all = joined(useHistory(Object.entries(TYPES).map(([kind, type]) => ({ type, names: PASSED, ids: rows.filter(n => n.kind === kind && n.id).map(n => n.id) }))), moments, back);
  const names = new Map(rows.map(n => [idOf(n), n.name]));
  const busy = largest(all, rows.length + DRAWN).filter(id => names.has(id));
  const drawn = [...new Set([...busy, ...names.keys()])].slice(0, DRAWN);
  return html`<div class="card"><${Chart} label="Throughput" names=${drawn.map(id => names.get(id))} data=${columns(all, drawn)} unit=${rate} least=${1000} span=${back}/>
      <p class="quiet">${chooser} By the minute until this page was opened, then by the second${names.size > DRAWN ? `; the ${DRAWN} busiest machines` : ''}.</p></div>
    <${Table} label="machines" rows=${rows} keyOf=${n => n.key} empty=${live.structure ? 'No machines.' : 'Asking…'} columns=${[
      { name: 'Machine', of: n => n.name, show: n => (n.id ? html`<a href=${`#${resourcePath(n.id)}`}>${n.name}</a>` : n.name) },
      { name: 'Health', of: n => n.health, show: n => html`<${Health} of=${n.health}/>` },
      { name: 'Out', of: n => n.out, number: true, show: n => rate(n.out) },
      { name: 'In', of: n => n.in, number: true, show: n => rate(n.in) },
    ]}/>`;
}

/** How many seconds a chart goes back, and what chooses them. */
function useBack() {
  const [back, choose] = useState(BACK_S);
  return [back, html`<label>Time <select value=${back} onChange=${event => choose(Number(event.target.value))}>
    <option value=${BACK_S}>last hour</option><option value=${KEPT}>last five minutes</option></select></label>`];
}

/** Moments of the last hour of `kinds`, as `history` takes them, anew each minute; none until they are there. */
function useHistory(kinds) {
  const kept = usePolled(signal => history(kinds, signal), MINUTE_MS, [kinds.map(kind => subscriptionsOf(kind.ids).join()).join('|')]);
  return kept.value ?? [];
}

const idOf = node => (node.id || node.key).toLowerCase();
const machinesOf = live => [...live.nodes.values()].filter(n => n.kind === 'machine' || n.kind === 'client');

function Rules() {
  const last = useRef(null);
  const found = usePolled(async signal => {
    const { value } = await get('/lazulite/counters', { signal });
    const at = performance.now() / 1000;
    const rows = rated(value, last.current?.value ?? [], last.current ? at - last.current.at : 0);
    const rates = rows.filter(row => row.origin.includes('/securityRules/')).map(row => [row.origin.toLowerCase(), row.rate]);
    const moments = last.current ? seen(last.current.moments, Date.now() / 1000, Object.fromEntries(rates), KEPT) : [];
    last.current = { at, value, moments };
    return { rows, moments };
  }, 2000);
  const { rows = [], moments = [] } = found.value ?? {};
  const [back, chooser] = useBack();
  const names = new Map(rows.filter(row => row.origin.includes('/securityRules/')).map(row => [row.origin.toLowerCase(), row.origin]));
  const all = joined(useHistory([{ type: RULES, names: ['Packets'], ids: [...names.values()] }]), moments, back);
  const drawn = largest(all, names.size + DRAWN).filter(id => names.has(id)).slice(0, DRAWN);
  return html`${found.error && html`<${Problem} error=${found.error}/>`}
    <div class="card"><${Chart} label="Packets of rules" names=${drawn.map(id => shortId(names.get(id)))} data=${columns(all, drawn)} unit=${n => `${n.toFixed(1)} /s`} span=${back}/><p class="quiet">${chooser} Packets that rules of security groups decided about.</p></div>
    <${Table} label="rule hits" rows=${rows} keyOf=${row => row.origin} empty=${found.value ? 'Nothing has been counted yet.' : 'Asking…'} columns=${[
      { name: 'Rule', of: row => shortId(row.origin), show: row => linked(row.origin) },
      { name: 'Packets', of: row => row.packets, number: true },
      { name: 'Bytes', of: row => row.bytes, number: true, show: row => size(row.bytes) },
      { name: 'Packets a second', of: row => row.rate, number: true, show: row => row.rate.toFixed(1) },
    ]}/>`;
}

function Probes() {
  const found = usePolled(signal => get('/lazulite/probes', { signal }).then(answer => answer.value), 2000);
  const ids = [...new Set((found.value ?? []).map(row => holderOf(row.origin)))].filter(id => id.includes('/'));
  const kept = useHistory([{ type: BALANCERS, names: ['DipAvailability'], ids }]);
  const drawn = [...new Set(kept.flatMap(moment => Object.keys(moment.values)))].slice(0, DRAWN);
  return html`${found.error && html`<${Problem} error=${found.error}/>`}
    ${drawn.length > 0 && html`<div class="card"><${Chart} label="Probes that went well" names=${drawn.map(shortId)} data=${columns(kept, drawn)} unit=${n => `${Math.round(n)} %`} least=${100} span=${BACK_S} height=${150}/></div>`}
    <${Table} label="health probes" rows=${found.value ?? []} keyOf=${row => `${row.pool} ${row.origin} ${row.address}`} empty=${found.value ? 'No pool is probed.' : 'Asking…'} columns=${[
      { name: 'Pool', of: row => row.pool },
      { name: 'Member', of: row => shortId(row.origin), show: row => (holderOf(row.origin) ? linked(row.origin) : row.origin) },
      { name: 'Address', of: row => row.address },
      { name: 'Health', of: row => (row.healthy ? 'healthy' : 'unhealthy'), show: row => html`<${Tag} kind=${row.healthy ? 'good' : 'bad'}>${row.healthy ? 'healthy' : 'unhealthy'}<//>` },
      { name: 'Probes', of: row => row.sent, number: true },
      { name: 'Failed', of: row => row.failed, number: true },
      { name: 'Failed part', of: row => row.failed / (row.sent || 1), number: true, show: row => percent(row.failed, row.sent) },
      { name: 'Why', of: row => row.reason },
    ]}/>`;
}

function Ports() {
  const found = usePolled(signal => get('/lazulite/ports', { signal }), 2000);
  const { value = [], sources = [] } = found.value ?? {};
  const nothing = found.value ? 'No public address is shared by machines that go out.' : 'Asking…';
  return html`${found.error && html`<${Problem} error=${found.error}/>`}
    <h2>Ports in use</h2>
    <${Table} label="ports in use" filter=${value.length > 10} rows=${value} keyOf=${row => `${row.network} ${row.publicAddress} ${row.protocol} ${row.privateAddress}`} empty=${nothing} columns=${[
      { name: 'Public address', of: row => row.publicAddress }, { name: 'Protocol', of: row => row.protocol },
      { name: 'Machine', of: row => row.privateAddress }, { name: 'Network', of: row => row.network }, { name: 'Ports', of: row => row.ports, number: true },
    ]}/>
    <h2>Connections that wanted a port</h2>
    <${Table} label="sources of ports" filter=${false} rows=${sources} keyOf=${row => row.origin} empty=${nothing} columns=${[
      { name: 'Shared by', of: row => shortId(row.origin), show: row => (holderOf(row.origin) ? linked(row.origin) : row.origin) },
      { name: 'Tried', of: row => row.tried, number: true },
      { name: 'Found none free', of: row => row.exhausted, number: true, show: row => html`<${Tag} kind=${row.exhausted ? 'bad' : 'good'}>${row.exhausted}<//>` },
    ]}/>`;
}
