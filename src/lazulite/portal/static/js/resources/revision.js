// When to ask again: with every revision of the lab, but while it writes a lot no more than twice a second.
import { useEffect, useRef, useState } from '../html.js';
import { useLive } from '../lab.js';

const CALM_MS = 500;

/** The newest revision, `stored` or `applied`, that is worth asking about. The first change of a quiet lab counts at once. */
export function useRevision(which = 'stored') {
  const newest = useLive(live => live.revision[which]).revision[which];
  const [taken, take] = useState(newest);
  const last = useRef(0);
  useEffect(() => {
    if (newest === taken) return undefined;
    const wait = Math.max(0, last.current + CALM_MS - Date.now());
    const timer = setTimeout(() => { last.current = Date.now(); take(newest); }, wait);
    return () => clearTimeout(timer);
  }, [newest, taken]);
  return taken;
}
