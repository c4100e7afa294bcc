// What every view is given: the live picture, where we are, and how to say something.
import { createContext, useContext, useEffect, useState } from './html.js';

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

/** {value, error, loading, again()} of an asynchronous `load(signal)`, anew whenever `needs` change. */
export function useLoad(load, needs) {
  const [found, set] = useState({ loading: true });
  const [turn, again] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    set(now => ({ ...now, loading: true }));
    load(stop.signal).then(
      value => stop.signal.aborted || set({ value, loading: false }),
      error => stop.signal.aborted || set({ error, loading: false }),
    );
    return () => stop.abort();
  }, [...needs, turn]);
  return { ...found, again: () => again(n => n + 1) };
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
