// A monitor of one test: from a machine to an address or another machine. Brings the agent it needs along.
import { html, useState } from '../html.js';
import { ApiError, get, list, put } from '../api.js';
import { useHere, useLab } from '../lab.js';
import { Button, Field, Problem } from '../parts.js';
import { spoken, useMachines } from './hooks.js';
import { document } from './monitor-document.js';

const PROTOCOLS = ['Tcp', 'Http', 'Icmp'];
const FREQUENCIES = [30, 60, 300, 900, 1800];
const AGENT = { publisher: 'Microsoft.Azure.NetworkWatcher', type: 'NetworkWatcherAgentLinux', typeHandlerVersion: '1.4', autoUpgradeMinorVersion: true };

export function NewMonitor({ made }) {
  const { subscription, say } = useLab();
  const here = useHere();
  const machines = useMachines();
  const all = machines.value ?? [];
  const sources = all.filter(m => m.kind === 'vm');
  const [form, set] = useState({ name: '', source: '', target: '', protocol: 'Tcp', port: '80', every: '30' });
  const [at, setAt] = useState({});
  const change = name => event => set(now => ({ ...now, [name]: event.target.value }));
  const source = sources.find(m => spoken(m, all) === form.source) ?? sources[0];
  const create = async event => {
    event.preventDefault();
    setAt({ busy: true });
    try {
      await save(subscription, form, source, all.find(m => m.kind === 'vm' && spoken(m, all) === form.target));
      say(`${form.name} measures.`, 'good');
      made(here.current);
    } catch (error) {
      setAt({ error });
    }
  };
  return html`<form class="form" aria-label="New connection monitor" onSubmit=${create}>
    <${Field} label="Name"><input required pattern="[A-Za-z0-9](?:[\\w.\\-]*\\w)?" maxlength="80" value=${form.name} onInput=${change('name')}/><//>
    <${Field} label="From"><select value=${source && spoken(source, all)} onChange=${change('source')}>${sources.map(m => html`<option key=${m.id} value=${spoken(m, all)}>${spoken(m, all)}</option>`)}</select><//>
    <${Field} label="To" hint="The name of a machine, an address, or a name of DNS."><input required list="monitor-targets" value=${form.target} onInput=${change('target')}/><//>
    <datalist id="monitor-targets">${sources.map(m => html`<option key=${m.id} value=${spoken(m, all)}></option>`)}</datalist>
    <${Field} label="Protocol"><select value=${form.protocol} onChange=${change('protocol')}>${PROTOCOLS.map(p => html`<option key=${p} value=${p}>${p.toUpperCase()}</option>`)}</select><//>
    ${form.protocol !== 'Icmp' && html`<${Field} label="Port"><input type="number" required min="1" max="65535" value=${form.port} onInput=${change('port')}/><//>`}
    <${Field} label="Every"><select value=${form.every} onChange=${change('every')}>${FREQUENCIES.map(s => html`<option key=${s} value=${s}>${s < 60 ? `${s} seconds` : `${s / 60} min`}</option>`)}</select><//>
    ${at.error && html`<${Problem} error=${at.error}/>`}
    <div class="actions"><${Button} primary type="submit" busy=${at.busy} disabled=${!source}>Create<//></div></form>`;
}

async function save(subscription, form, source, target) {
  const machine = await get(source.id);
  await agent(machine);
  const watchers = await list(`${subscription}/providers/Microsoft.Network/networkWatchers`);
  const watcher = watchers.find(w => w.location === machine.location);
  if (!watcher) throw new ApiError(404, { code: 'NetworkWatcherNotFound', message: `There is no network watcher in ${machine.location}.` });
  await put(`${watcher.id}/connectionMonitors/${encodeURIComponent(form.name)}`, { location: machine.location, properties: document(form, machine, target) });
}

/** The machine's Network Watcher agent, unless it has one. */
async function agent(machine) {
  const { value } = await get(`${machine.id}/extensions`);
  if (value.some(e => e.properties.publisher?.toLowerCase() === AGENT.publisher.toLowerCase())) return;
  await put(`${machine.id}/extensions/${AGENT.type}`, { location: machine.location, properties: AGENT });
}
