// Flows as they happen: who talks to whom, what became of it, and which rule decided.
import { html, useLayoutEffect, useRef, useState } from '../html.js';
import { resourcePath } from '../lab.js';
import { useLab } from '../lab.js';
import { Button, Empty, Problem, Tag } from '../parts.js';
import { spoken, useMachines, useStream } from './hooks.js';
import { clock, endOf, pageOf, protocolName, shortId, size, stateName, taken, traceHash, wanted } from './words.js';

const VERDICTS = [['', 'All verdicts'], ['allow', 'Allowed'], ['deny', 'Denied']];

export default function Flows({ route }) {
  const machines = route.query.get('machines') ?? '';
  const known = useMachines();
  const unknown = known.value && machines.split(',').filter(name => name && !known.value.some(m => is(m, name)));
  if (known.error) return html`<div class="page"><${Problem} error=${known.error}/></div>`;
  if (unknown?.length) return html`<div class="page"><${Empty} whole title=${`There is no machine called ${unknown.join(', ')}`}><a href="#/flows">Flows of all machines</a><//></div>`;
  return html`<${Following} key=${machines} machines=${machines} known=${known.value ?? []}/>`;
}

const is = (machine, name) => [machine.name, `${machine.group}/${machine.name}`].some(n => n.toLowerCase() === name.trim().toLowerCase());

function Following({ machines, known }) {
  const [flows, setFlows] = useState([]);
  const [held, setHeld] = useState(null);
  const [words, setWords] = useState('');
  const [verdict, setVerdict] = useState('');
  const [missed, setMissed] = useState(0);
  const state = useStream(`/lazulite/stream/flows${machines && `?machines=${encodeURIComponent(machines)}`}`, frame => {
    if (frame.left) setMissed(n => n + frame.left);
    if (frame.rows.length) setFlows(now => taken(now, frame.rows));
  });
  const rows = (held ?? flows).filter(row => wanted(row, words, verdict));
  const said = state === 'open' ? (held ? 'paused' : 'live') : 'connecting';
  return html`<div class="page full"><header><h1>Live flows</h1><${Tag} kind=${said === 'live' ? 'good' : 'warn'}>${said}<//>
    <div class="tools"><${Chooser} machines=${machines} known=${known}/>
      <select aria-label="Verdict" value=${verdict} onChange=${e => setVerdict(e.target.value)}>${VERDICTS.map(([value, name]) => html`<option value=${value}>${name}</option>`)}</select>
      <input type="search" aria-label="Filter flows" placeholder="Name, address, port, rule" value=${words} onInput=${e => setWords(e.target.value)}/>
      <${Button} aria-pressed=${held ? 'true' : 'false'} onClick=${() => setHeld(held ? null : flows)}>${held ? 'Go on' : 'Pause'}<//>
      <${Button} onClick=${() => { setFlows([]); setHeld(null); setMissed(0); }}>Clear<//></div></header>
    ${missed > 0 && html`<p class="quiet" role="status">${missed} more records than could be shown.</p>`}
    <${FlowTable} rows=${rows}/>
    ${rows.length === 0 && html`<p class="quiet" role="status">${flows.length ? 'Nothing matches the filter.' : 'No flows yet. Interfaces are recorded from now on, until this page is left.'}</p>`}</div>`;
}

function Chooser({ machines, known }) {
  const { navigate } = useLab();
  const names = known.filter(m => m.kind === 'vm').map(m => spoken(m, known));
  const listed = machines && !names.includes(machines) ? [machines, ...names] : names;
  const choose = event => navigate(event.target.value ? `/flows?machines=${encodeURIComponent(event.target.value)}` : '/flows');
  return html`<select aria-label="Machines" value=${machines} onChange=${choose}><option value="">All machines</option>
    ${listed.map(name => html`<option key=${name} value=${name}>${name}</option>`)}</select>`;
}

/** What is read stays where it is while rows come in above it. */
function FlowTable({ rows }) {
  const box = useRef();
  const held = useRef(null);
  const look = () => {
    const at = box.current.scrollTop;
    const first = at > 4 && [...box.current.querySelectorAll('tbody tr')].find(tr => tr.offsetTop >= at + 28);
    held.current = first ? { key: first.dataset.flow, above: first.offsetTop - at } : null;
  };
  useLayoutEffect(() => {
    if (!held.current) return;
    const row = [...box.current.querySelectorAll('tbody tr')].find(tr => tr.dataset.flow === held.current.key);
    if (row) box.current.scrollTop = row.offsetTop - held.current.above;
  }, [rows]);
  return html`<div class="scroll flows" ref=${box} onScroll=${look} tabIndex="0" role="region" aria-label="Flows as they happen"><table aria-label="Flows"><thead><tr>
    ${['Time', 'From', 'To', 'Protocol', 'Verdict', 'Deciding rule', 'State'].map(name => html`<th scope="col">${name}</th>`)}
    <th scope="col" class="number">Packets</th><th scope="col" class="number">Bytes</th><th scope="col"><span class="unseen">Actions</span></th></tr></thead>
    <tbody>${rows.map(row => html`<${Row} key=${row.key} row=${row}/>`)}</tbody></table></div>`;
}

function Row({ row }) {
  const denied = row.verdict === 'deny';
  const [packets, bytes] = [row.packets ?? [0, 0], row.bytes ?? [0, 0]];
  const trace = traceHash(row);
  const from = endOf(row.from, row.source, 0);
  const to = endOf(row.to, row.destination, row.destinationPort);
  return html`<tr data-flow=${row.key}><td class="mono">${clock(row.time)}</td>
    <td title=${endOf('', row.source, row.sourcePort)}>${from}</td><td title=${endOf('', row.destination, row.destinationPort)}>${to}</td>
    <td>${protocolName(row.protocol)} <span class="quiet">${row.direction} ${row.machine}</span></td>
    <td><${Tag} kind=${denied ? 'bad' : 'good'}>${denied ? 'Denied' : 'Allowed'}<//></td>
    <td>${pageOf(row.rule) ? html`<a href=${`#${resourcePath(pageOf(row.rule))}`}>${shortId(row.rule)}</a>` : row.rule || html`<span class="quiet">no rule</span>`}</td>
    <td>${stateName(row.state)}</td><td class="number">${packets[0] + packets[1] || ''}</td><td class="number">${bytes[0] + bytes[1] ? size(bytes[0] + bytes[1]) : ''}</td>
    <td>${trace && html`<a href=${trace} aria-label=${`Trace ${from} to ${to}`}>Trace</a>`}</td></tr>`;
}
