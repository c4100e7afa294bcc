// Packet captures: start one at machines and interfaces, watch its counts, fetch it as pcapng, read its first packets.
import { html, useState } from '../html.js';
import { Unreachable, authorization, get, list, post, ask } from '../api.js';
import { parseId, useLab, useLoad } from '../lab.js';
import { Button, Dialog, Field, Problem, Table, Tag } from '../parts.js';
import { spoken, useMachines, usePolled } from './hooks.js';
import { Packets } from './packets.js';
import { clock, size } from './words.js';

const REASONS = { Manual: 'stopped', TimeExceeded: 'time is up', SpaceExceeded: 'file is full', CountReached: 'count reached', InterfaceGone: 'interface is gone', OutputFailed: 'failed', CaptureFailed: 'failed' };

export default function Captures({ route }) {
  const { say } = useLab();
  const found = usePolled(signal => get('/lazulite/recordings', { signal }).then(answer => answer.value), 1000);
  const [open, setOpen] = useState(null);
  const act = (work, done) => work.then(() => { if (done) say(done, 'good'); found.again(); }, error => say(error.message, 'bad'));
  const rows = [...(found.value ?? [])].reverse();
  return html`<div class="page"><header><h1>Packet captures</h1></header>
    <${Start} chosen=${(route.query.get('names') ?? '').split(',').filter(Boolean)} started=${found.again}/>
    ${found.error && html`<${Problem} error=${found.error}/>`}
    <${Table} label="captures" filter=${false} rows=${rows} keyOf=${row => row.id} empty=${found.value ? 'No captures yet.' : 'Asking…'} columns=${[
      { name: 'Began', of: row => row.began, show: row => html`<span class="mono">${clock(row.began)}</span>` },
      { name: 'At', of: row => row.names.join(', ') },
      { name: 'Filter', of: row => row.filter, show: row => (row.filter ? html`<code>${row.filter}</code>` : html`<span class="quiet">everything</span>`) },
      { name: 'State', of: row => row.state, show: row => html`<${State} row=${row}/>` },
      { name: 'Packets', of: row => row.packets, number: true },
      { name: 'Size', of: row => row.bytes, number: true, show: row => size(row.bytes) },
      { name: 'Lost', of: row => row.lost, number: true },
      { name: 'Actions', of: () => '', show: row => html`<${Actions} row=${row} act=${act} look=${() => setOpen(row)}/>` },
    ]}/>
    ${open && html`<${Dialog} wide title=${`Packets at ${open.names.join(', ')}`} close=${() => setOpen(null)}><${Packets} load=${() => content(open.id)}/><//>`}</div>`;
}

function State({ row }) {
  if (row.state !== 'ended') return html`<${Tag} kind="good">${row.state}<//>`;
  const failed = REASONS[row.reason] === 'failed';
  return html`<${Tag} kind=${failed ? 'bad' : 'plain'}>${REASONS[row.reason] ?? row.reason}<//>${row.error && html` <span class="quiet">${row.error}</span>`}`;
}

function Actions({ row, act, look }) {
  const name = row.names.join(', ');
  const place = `/lazulite/recordings/${row.id}`;
  return html`<span class="actions">
    ${row.state !== 'ended' && html`<${Button} aria-label=${`Stop the capture at ${name}`} onClick=${() => act(post(`${place}/stop`))}>Stop<//>`}
    <${Button} aria-label=${`Packets of the capture at ${name}`} disabled=${!row.packets} onClick=${look}>Packets<//>
    <${Button} aria-label=${`Download the capture at ${name}`} disabled=${!row.bytes} onClick=${() => act(download(row))}>Download<//>
    <${Button} danger aria-label=${`Delete the capture at ${name}`} onClick=${() => act(ask('DELETE', place), 'The capture is deleted.')}>Delete<//></span>`;
}

/** The file as it is now. The token goes into a header, so a plain link would not do. */
async function content(id) {
  const answer = await fetch(`/lazulite/recordings/${id}/file`, { headers: authorization() }).catch(() => { throw new Unreachable('The lab does not answer.'); });
  if (!answer.ok) throw new Error('The capture is there no more.');
  return answer.blob();
}

async function download(row) {
  const url = URL.createObjectURL(await content(row.id));
  const link = Object.assign(document.createElement('a'), { href: url, download: `${row.names.join('-').replace(/[^\w.-]+/g, '-')}.pcapng` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function Start({ chosen, started }) {
  const { say } = useLab();
  const [names, setNames] = useState(chosen);
  const [filter, setFilter] = useState('');
  const [duration, setDuration] = useState('60');
  const [at, set] = useState({});
  const wrong = target => at.error?.rows?.find(row => row.target === target)?.message;
  const start = async event => {
    event.preventDefault();
    set({ busy: true });
    try {
      await post('/lazulite/recordings', { names, filter, duration: Number(duration) });
      set({});
      say(`Capturing at ${names.join(', ')}.`, 'good');
      started();
    } catch (error) {
      set({ error });
    }
  };
  const elsewhere = at.error && !['filter', 'duration'].some(wrong);
  return html`<form class="card capture" aria-label="New capture" onSubmit=${start}>
    <${Picker} names=${names} choose=${setNames}/>
    <div class="form"><${Field} label="Filter" error=${wrong('filter')} hint="As tcpdump takes it: tcp port 80, icmp, host 10.1.1.4. Empty: everything.">
        <input value=${filter} spellcheck="false" autocomplete="off" onInput=${e => setFilter(e.target.value)}/><//>
      <${Field} label="Duration in seconds" error=${wrong('duration')} hint="At most 600; a file ends at 64 MB.">
        <input type="number" min="1" max="600" required value=${duration} onInput=${e => setDuration(e.target.value)}/><//>
      ${elsewhere && html`<${Problem} error=${at.error}/>`}
      <div class="actions"><${Button} primary type="submit" busy=${at.busy} disabled=${!names.length}>Start capture<//></div></div></form>`;
}

function Picker({ names, choose }) {
  const { subscription } = useLab();
  const [words, setWords] = useState('');
  const machines = useMachines();
  const nics = useLoad(signal => list(`${subscription}/providers/Microsoft.Network/networkInterfaces`, { signal }), [subscription]);
  const all = machines.value ?? [];
  const rows = [
    ...all.map(m => ({ name: spoken(m, all), what: m.kind === 'vm' ? m.addresses.join(', ') : 'on the Internet' })),
    ...(nics.value ?? []).filter(n => n.properties.virtualMachine).map(n => ({ name: n.name, what: `interface of ${parseId(n.properties.virtualMachine.id).name}` })),
  ];
  const listed = rows.filter(row => `${row.name} ${row.what}`.toLowerCase().includes(words.toLowerCase()));
  const shown = [...names.filter(n => !rows.some(row => row.name === n)).map(name => ({ name, what: '' })), ...listed].slice(0, 60);
  const turn = name => choose(names.includes(name) ? names.filter(n => n !== name) : [...names, name]);
  return html`<fieldset class="picker"><legend>Capture at</legend>
    <input type="search" aria-label="Find machines and interfaces" placeholder="Find" value=${words} onInput=${e => setWords(e.target.value)}/>
    <div class="choices">${shown.map(row => html`<label key=${row.name}><input type="checkbox" checked=${names.includes(row.name)} onChange=${() => turn(row.name)}/> ${row.name} <span class="quiet">${row.what}</span></label>`)}
      ${listed.length > 60 && html`<p class="quiet">${listed.length - 60} more: find them by name.</p>`}</div>
    <p class="quiet">${names.length ? `Chosen: ${names.join(', ')}` : 'Nothing chosen.'}</p></fieldset>`;
}
