// Connection monitors: what they found, how it goes on while the page is open, and a simple one made or deleted.
import { html, useRef, useState } from '../html.js';
import { list, remove, write } from '../api.js';
import { parseId, resourcePath, useLab } from '../lab.js';
import { Button, Dialog, Empty, Problem, Table, Tag } from '../parts.js';
import { Chart } from './chart.js';
import { columns } from './columns.js';
import { usePolled } from './hooks.js';
import { NewMonitor } from './new-monitor.js';
import { percent } from './words.js';

const KINDS = { Pass: 'good', Warning: 'warn', Fail: 'bad' };
const EVERY_MS = 5000;
const KEPT = 400;

export default function Monitors() {
  const { subscription } = useLab();
  const [making, setMaking] = useState(false);
  const history = useRef(new Map());
  const found = usePolled(signal => all(subscription, history.current, signal), EVERY_MS, [subscription]);
  const made = open => { if (open) setMaking(false); found.again(); };
  return html`<div class="page"><header><h1>Connection monitors</h1><div class="tools"><${Button} primary onClick=${() => setMaking(true)}>New monitor<//></div></header>
    ${found.error && html`<${Problem} error=${found.error}/>`}
    ${found.value?.length === 0 && html`<${Empty} title="No connection monitors">A monitor measures from a machine, again and again, whether an address answers and how fast.<//>`}
    ${found.value?.map(monitor => html`<${Monitor} key=${monitor.id} monitor=${monitor} moments=${history.current.get(monitor.id)} changed=${found.again}/>`)}
    ${making && html`<${Dialog} title="New connection monitor" close=${() => setMaking(false)}><${NewMonitor} made=${made}/><//>`}</div>`;
}

/** Every monitor of the subscription with what its checks found; `history` grows by this moment. */
async function all(subscription, history, signal) {
  const watchers = await list(`${subscription}/providers/Microsoft.Network/networkWatchers`, { signal });
  const lists = await Promise.all(watchers.map(w => list(`${w.id}/connectionMonitors`, { signal })));
  const answers = await Promise.all(lists.flat().map(async monitor => ({ ...monitor, found: await write('POST', `${monitor.id}/query`, {}, { signal }) })));
  for (const monitor of answers) {
    const values = Object.fromEntries(monitor.found.states.map(s => [s.checkName, s.avgLatencyInMs]));
    history.set(monitor.id, [...(history.get(monitor.id) ?? []).slice(1 - KEPT), { at: Date.now() / 1000, values }]);
  }
  return answers;
}

function Monitor({ monitor, moments, changed }) {
  const { say } = useLab();
  const [busy, setBusy] = useState(false);
  const stopped = monitor.properties.monitoringStatus === 'Stopped';
  const act = (work, done) => {
    setBusy(true);
    work.then(() => { say(done, 'good'); changed(); }, error => say(error.message, 'bad')).finally(() => setBusy(false));
  };
  const states = monitor.found.states;
  const names = states.map(s => s.checkName).slice(0, 6);
  return html`<section class="card monitor" aria-label=${`Monitor ${monitor.name}`}><header><h2><a href=${`#${resourcePath(monitor.id)}`}>${monitor.name}</a></h2>
      <${Tag} kind=${stopped ? 'warn' : 'good'}>${monitor.properties.monitoringStatus ?? 'Running'}<//><span class="quiet">${monitor.location}</span>
      <span class="tools"><${Button} busy=${busy} onClick=${() => act(write('POST', `${monitor.id}/${stopped ? 'start' : 'stop'}`, {}), `${monitor.name} ${stopped ? 'runs' : 'is stopped'}.`)}>${stopped ? 'Start' : 'Stop'}<//>
        <${Button} danger busy=${busy} aria-label=${`Delete ${monitor.name}`} onClick=${() => act(remove(monitor.id), `${monitor.name} is deleted.`)}>Delete<//></span></header>
    <${Table} label=${`tests of ${monitor.name}`} filter=${states.length > 10} rows=${states} keyOf=${s => s.checkName} empty="It has no tests yet." columns=${[
      { name: 'Test', of: s => s.checkName },
      { name: 'State', of: s => s.testResult, show: s => html`<${Tag} kind=${KINDS[s.testResult] ?? 'plain'}>${s.testResult}<//>` },
      { name: 'Checks failed', of: s => s.probesFailed / (s.probesSent || 1), number: true, show: s => percent(s.probesFailed, s.probesSent) },
      { name: 'Checks', of: s => s.probesSent, number: true },
      { name: 'Round trip', of: s => s.avgLatencyInMs ?? -1, number: true, show: s => (s.avgLatencyInMs == null ? '–' : `${s.avgLatencyInMs} ms`) },
      { name: 'Why', of: s => s.reason ?? '' },
    ]}/>
    ${states.length > 0 && html`<${Chart} label="Round trip" names=${names} data=${columns(moments ?? [], names)} unit=${ms => `${Math.round(ms * 10) / 10} ms`} height=${130}/>`}
    <p class="quiet">In ${parseId(monitor.id).names[0]}</p></section>`;
}
