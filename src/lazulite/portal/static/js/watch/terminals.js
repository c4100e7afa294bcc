// Terminals in machines, in tabs. Only the one that is to be seen streams; the others go on where they are.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../html.js';
import { ask, get, post } from '../api.js';
import { useLab } from '../lab.js';
import { Button, Empty, Loading, Problem } from '../parts.js';
import { spoken, useMachines, useVisible } from './hooks.js';

const STATES = { open: 'connected', lost: 'connection lost, trying again', ended: 'ended', starting: 'connecting', ready: 'connecting' };

export default function Terminals({ route }) {
  const wish = route.path[1] ?? '';
  const machines = useMachines();
  const [tabs, setTabs] = useState(null);
  const [chosen, choose] = useState('');
  const [error, setError] = useState(null);
  const [opening, setOpening] = useState([]);
  const at = useRef({ newest: '', closed: new Set() }).current;
  at.tabs = tabs;
  at.opening = opening;
  const open = async name => {
    if (at.opening.includes(name)) return;
    at.newest = name;
    setOpening(now => [...now, name]);
    try {
      const made = await post('/lazulite/terminals', { name });
      setTabs(now => (now?.some(t => t.id === made.id) ? now : [...(now ?? []), titled(made, now ?? [])])); // the list may have had it
      if (at.newest === name) choose(made.id);
      setError(null);
    } catch (refused) {
      setError(refused);
    }
    setOpening(now => now.filter(other => other !== name));
  };
  useEffect(() => {
    const before = new Set((tabs ?? []).map(t => t.id));
    let wanted = true;
    get('/lazulite/terminals').then(({ value }) => {
      if (!wanted) return;
      const found = value.filter(t => t.state === 'running' && !at.closed.has(t.id));
      const since = (at.tabs ?? []).filter(t => !before.has(t.id) && !found.some(f => f.id === t.id)); // opened while it was asked
      setTabs([...found, ...since].reduce((all, t) => [...all, titled(t, all)], []));
      const there = found.find(t => t.name.toLowerCase() === wish.split('/').at(-1).toLowerCase());
      if (there || !wish) choose(now => since.find(t => t.id === now)?.id ?? (there ?? found[0])?.id ?? '');
      else open(wish);
    }, error => wanted && setError(error));
    return () => { wanted = false; };
  }, [wish]);
  const close = async tab => {
    at.closed.add(tab.id);
    await ask('DELETE', `/lazulite/terminals/${tab.id}`).catch(() => {}); // what has ended already is closed as well
    const left = at.tabs.filter(t => t.id !== tab.id);
    setTabs(left);
    choose(now => (now === tab.id ? left.at(-1)?.id ?? '' : now));
  };
  return html`<div class="page full terminals"><header><h1>Terminals</h1><div class="tools"><${Opener} wish=${wish} machines=${machines.value ?? []} open=${open}/></div></header>
    ${(error ?? machines.error) && html`<${Problem} error=${error ?? machines.error}/>`}
    ${!error && (!tabs || (opening.length > 0 && !tabs.length)) && html`<${Loading}/>`}
    ${tabs?.length === 0 && !opening.length && html`<${Empty} title="No terminal is open">Choose a machine above. A shell is the machine's root, and ends when nobody has looked at it for ten minutes.<//>`}
    ${tabs?.length > 0 && html`<${Tabbed} tabs=${tabs} chosen=${chosen} choose=${choose} close=${close}/>`}</div>`;
}

/** A terminal under the machine's name, the second one there with a number. */
function titled(terminal, others) {
  const taken = others.map(t => t.title);
  let title = terminal.name;
  for (let n = 2; taken.includes(title); n++) title = `${terminal.name} ${n}`;
  return { ...terminal, title };
}

function Opener({ wish, machines, open }) {
  const names = machines.map(m => spoken(m, machines));
  const [name, setName] = useState('');
  const chosen = name || (names.includes(wish) ? wish : names[0] ?? '');
  return html`<label class="inline">Machine <select aria-label="Machine" value=${chosen} onChange=${e => setName(e.target.value)}>${names.map(n => html`<option key=${n} value=${n}>${n}</option>`)}</select></label>
    <${Button} primary disabled=${!chosen} onClick=${() => open(chosen)}>Open terminal<//>`;
}

function Tabbed({ tabs, chosen, choose, close }) {
  const [states, setStates] = useState({});
  const { say } = useLab();
  const frames = useRef(new Map());
  const visible = useVisible();
  const current = tabs.find(t => t.id === chosen) ?? tabs[0];
  const show = () => frames.current.forEach((frame, id) => frame?.contentWindow?.postMessage({ shown: visible && id === current.id }, location.origin));
  useEffect(show, [current.id, visible, tabs.length]);
  useLayoutEffect(() => { // before a frame can say that it is ready
    const hear = event => {
      const told = event.data;
      if (event.origin !== location.origin || ![...frames.current.values()].some(f => f?.contentWindow === event.source)) return;
      if (told.state === 'ready') show();
      if (told.state === 'refused' || told.state === 'busy') say(told.text, 'bad');
      else setStates(now => ({ ...now, [told.terminal]: told }));
    };
    addEventListener('message', hear);
    return () => removeEventListener('message', hear);
  }, [current.id, visible]);
  const told = states[current.id] ?? { state: 'starting' };
  const move = event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(current) + step + tabs.length) % tabs.length];
    choose(next.id);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return html`<div class="tabline"><div class="tabs" role="tablist" aria-label="Open terminals" onKeyDown=${move}>${tabs.map(t => html`
      <button type="button" role="tab" key=${t.id} id=${`tab-${t.id}`} aria-selected=${t === current ? 'true' : 'false'} aria-controls=${`panel-${t.id}`} tabIndex=${t === current ? 0 : -1} onClick=${() => choose(t.id)}>${t.title}</button>`)}</div>
      <span class="quiet" role="status">${told.text || STATES[told.state] || told.state}</span>
      <${Button} aria-label=${`Close the terminal ${current.title}`} onClick=${() => close(current)}>Close<//></div>
    ${tabs.map(t => html`<div key=${t.id} role="tabpanel" id=${`panel-${t.id}`} aria-labelledby=${`tab-${t.id}`} class="terminal" hidden=${t !== current}>
      <iframe title=${`Terminal in ${t.title}`} src=${`/portal/terminal.html#id=${t.id}`} ref=${frame => { if (frame) frames.current.set(t.id, frame); else frames.current.delete(t.id); }}/></div>`)}`;
}
