// What the lab counts: throughput of machines, hits of rules, health probes, ports of shared public addresses.
import { html, useEffect, useRef, useState } from '../html.js';
import { get } from '../api.js';
import { resourcePath, useLab, useLive } from '../lab.js';
import { Health, Problem, Table, Tabs, Tag, rate } from '../parts.js';
import { Chart } from './chart.js';
import { columns } from './columns.js';
import { usePolled } from './hooks.js';
import { holderOf, pageOf, percent, rated, shortId, size } from './words.js';

const TABS = ['Throughput', 'Rule hits', 'Health probes', 'SNAT ports'];
const VIEWS = { Throughput, 'Rule hits': Rules, 'Health probes': Probes, 'SNAT ports': Ports };
const KEPT = 300;
const DRAWN = 6;

export default function Metrics() {
  const [tab, choose] = useState(TABS[0]);
  return html`<div class="page"><header><h1>Metrics</h1></header><${Tabs} label="Metrics" tabs=${TABS} chosen=${tab} choose=${choose}/><${VIEWS[tab]} key=${tab}/></div>`;
}

const linked = origin => html`<a href=${`#${resourcePath(pageOf(origin))}`}>${shortId(origin)}</a>`;

/** Rates once a second while the page is open: the stream tells only what changes. */
function Throughput() {
  const { live } = useLab();
  useLive(now => now.structure);
  const [moments, setMoments] = useState([]);
  useEffect(() => {
    const look = () => {
      const values = Object.fromEntries(machinesOf(live).map(n => [n.key, n.out + n.in]));
      setMoments(now => [...now.slice(1 - KEPT), { at: Date.now() / 1000, values }]);
    };
    look();
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, [live]);
  const rows = machinesOf(live);
  const sums = new Map(rows.map(n => [n.key, moments.reduce((sum, m) => sum + (m.values[n.key] ?? 0), 0)]));
  const drawn = [...rows].sort((a, b) => sums.get(b.key) - sums.get(a.key)).slice(0, DRAWN);
  const data = columns(moments, drawn.map(n => n.key));
  return html`<div class="card"><${Chart} label="Throughput" names=${drawn.map(n => n.name)} data=${data} unit=${rate} least=${1000}/>
      ${rows.length > DRAWN && html`<p class="quiet">The ${DRAWN} busiest machines since this page was opened.</p>`}</div>
    <${Table} label="machines" rows=${rows} keyOf=${n => n.key} empty="No machines." columns=${[
      { name: 'Machine', of: n => n.name, show: n => (n.id ? html`<a href=${`#${resourcePath(n.id)}`}>${n.name}</a>` : n.name) },
      { name: 'Health', of: n => n.health, show: n => html`<${Health} of=${n.health}/>` },
      { name: 'Out', of: n => n.out, number: true, show: n => rate(n.out) },
      { name: 'In', of: n => n.in, number: true, show: n => rate(n.in) },
    ]}/>`;
}

const machinesOf = live => [...live.nodes.values()].filter(n => n.kind === 'machine' || n.kind === 'client');

function Rules() {
  const last = useRef(null);
  const found = usePolled(async signal => {
    const { value } = await get('/lazulite/counters', { signal });
    const at = performance.now() / 1000;
    const rows = rated(value, last.current?.value ?? [], last.current ? at - last.current.at : 0);
    last.current = { at, value };
    return rows;
  }, 2000);
  return html`${found.error && html`<${Problem} error=${found.error}/>`}
    <${Table} label="rule hits" rows=${found.value ?? []} keyOf=${row => row.origin} empty=${found.value ? 'Nothing has been counted yet.' : 'Asking…'} columns=${[
      { name: 'Rule', of: row => shortId(row.origin), show: row => linked(row.origin) },
      { name: 'Packets', of: row => row.packets, number: true },
      { name: 'Bytes', of: row => row.bytes, number: true, show: row => size(row.bytes) },
      { name: 'Packets a second', of: row => row.rate, number: true, show: row => row.rate.toFixed(1) },
    ]}/>`;
}

function Probes() {
  const found = usePolled(signal => get('/lazulite/probes', { signal }).then(answer => answer.value), 2000);
  return html`${found.error && html`<${Problem} error=${found.error}/>`}
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
