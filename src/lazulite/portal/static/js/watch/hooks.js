// What these pages share: they ask only while somebody can see them, for connections to one place are few.
import { useEffect, useRef, useState } from '../html.js';
import { follow, get } from '../api.js';
import { useLoad } from '../lab.js';

/** Whether the page is to be seen. */
export function useVisible() {
  const [visible, set] = useState(!document.hidden);
  useEffect(() => {
    const turn = () => set(!document.hidden);
    document.addEventListener('visibilitychange', turn);
    return () => document.removeEventListener('visibilitychange', turn);
  }, []);
  return visible;
}

/** Frames of a stream to `take` while the page is to be seen; gives 'open' or 'lost'. An empty path follows nothing. */
export function useStream(path, take) {
  const visible = useVisible();
  const [state, set] = useState('lost');
  const taker = useRef(take);
  taker.current = take;
  useEffect(() => {
    if (!visible || !path) return undefined;
    const stop = new AbortController();
    follow(path, frame => taker.current(frame), { signal: stop.signal, state: set });
    return () => stop.abort();
  }, [path, visible]);
  return state;
}

/** {value, error, again()} of `load(signal)`, now and `every` so many milliseconds after each answer. */
export function usePolled(load, every, needs = []) {
  const visible = useVisible();
  const [found, set] = useState({});
  const [turn, again] = useState(0);
  useEffect(() => {
    if (!visible) return undefined;
    const stop = new AbortController();
    let timer;
    const told = (more, known) => stop.signal.aborted || set(now => ({ ...(known && { value: now.value }), ...more }));
    const ask = () => load(stop.signal).then(value => told({ value }), error => told({ error }, true))
      .finally(() => { if (!stop.signal.aborted) timer = setTimeout(ask, every); });
    ask();
    return () => { stop.abort(); clearTimeout(timer); };
  }, [visible, turn, ...needs]);
  return { ...found, again: () => again(n => n + 1) };
}

/** Virtual machines and Internet clients: {name, group, id, kind, addresses …}. */
export const useMachines = () => useLoad(signal => get('/lazulite/guests', { signal }).then(answer => answer.value), []);

/** How to name a machine so that it is meant and no other. */
export const spoken = (machine, all) => (all.filter(m => m.name.toLowerCase() === machine.name.toLowerCase()).length > 1 ? `${machine.group}/${machine.name}` : machine.name);
