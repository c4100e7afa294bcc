// What every view is given: the live picture, where we are, and how to say something.
import { createContext, useContext, useEffect, useRef, useState } from './html.js';

/** {live, subscriptions, subscription, navigate(path), say(text, kind)}; `kind` is info, good or bad. */
export const LabContext = createContext(null);
export const useLab = () => useContext(LabContext);

/** Render again with every frame of the live stream for which `of(live)` gives something else. */
export function useLive(of = live => live.moment) {
  const { live } = useLab();
  const [, turn] = useState(of(live));
  useEffect(() => {
    turn(of(live)); // a frame may have come since this was rendered
    return live.subscribe(() => turn(of(live)));
  }, [live]);
  return live;
}

const same = (some, others) => some.length === others.length && some.every((one, at) => Object.is(one, others[at]));

/**
 * {value, error, loading, again(known)} of an asynchronous `load(signal)`. What was found about something else is not
 * shown: it goes when `about` changes. With every `moment` it is asked anew, one question at a time, and what was found
 * stays until the answer. `again(known)` asks anew too; `known`, where given, is newer than any answer under way.
 */
export function useLoad(load, about, moment = []) {
  const [found, set] = useState({ about, loading: true });
  const [turn, next] = useState(0);
  const at = useRef({ seen: 0 }).current;
  at.load = load;
  const ask = () => {
    const stop = new AbortController();
    at.stop = stop;
    at.late = false;
    set(now => ({ ...(same(now.about, about) ? now : { about }), loading: true }));
    const end = more => {
      if (stop.signal.aborted) return;
      at.stop = null;
      set({ about, loading: at.late, ...more });
      if (at.late) ask();
    };
    at.load(stop.signal).then(value => end({ value }), error => end({ error }));
  };
  const leave = () => {
    at.stop?.abort();
    at.stop = null;
  };
  useEffect(() => {
    ask();
    return leave;
  }, about);
  useEffect(() => {
    if (!at.seen++) return;
    if (at.stop) at.late = true;
    else ask();
  }, [...moment, turn]);
  const again = known => {
    if (known !== undefined) {
      leave();
      set({ about, value: known, loading: true });
    }
    next(n => n + 1);
  };
  return { ...(same(found.about, about) ? found : { about, loading: true }), again };
}

/** Whether who asks is still on the page: an answer that comes later leads nobody away from where they are by then. */
export function useHere() {
  const here = useRef(true);
  useEffect(() => () => {
    here.current = false;
  }, []);
  return here;
}

/** `#/a/b?x=1` as {path: ['a', 'b'], query: URLSearchParams}. */
export function parseRoute(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
  return { path: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

/** Where a resource is shown. */
export const resourcePath = id => `/resource/${encodeURIComponent(id)}`;
/** Parts of an ARM id: {subscription, group, type, name, names}. */
export function parseId(id) {
  const parts = id.split('/').filter(Boolean);
  const at = parts.map(p => p.toLowerCase()).lastIndexOf('providers');
  const below = at < 0 ? [] : parts.slice(at + 1);
  const names = below.slice(2).filter((_, i) => i % 2 === 0);
  const kinds = below.slice(1).filter((_, i) => i % 2 === 0);
  const group = parts[2]?.toLowerCase() === 'resourcegroups' ? parts[3] : '';
  return { subscription: parts[1] ?? '', group, type: below.length ? [below[0], ...kinds].join('/') : '', name: names.at(-1) ?? group, names };
}
