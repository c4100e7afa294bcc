// When to ask again: with every revision of the lab, but while it writes a lot no more than twice a second.
import { useEffect, useRef, useState } from '../html.js';
import { useLive } from '../lab.js';

const CALM_MS = 500;

/**
 * What changes with the newest revision, `stored` or `applied`, that is worth asking about, and when a connection that was
 * lost is back. The first change of a quiet lab counts at once.
 */
export function useRevision(which = 'stored') {
  const live = useLive(now => `${now.revision[which]} ${now.state}`);
  const seen = useRef({ state: live.state, times: 0 });
  if (live.state !== seen.current.state) {
    const back = live.state === 'open' ? 1 : 0;
    seen.current = { state: live.state, times: seen.current.times + back };
  }
  return useCalm(`${live.revision[which]}/${seen.current.times}`);
}

function useCalm(newest) {
  const [taken, take] = useState(newest);
  const last = useRef(0);
  useEffect(() => {
    if (newest === taken) return undefined;
    const wait = Math.max(0, last.current + CALM_MS - Date.now());
    const timer = setTimeout(() => {
      last.current = Date.now();
      take(newest);
    }, wait);
    return () => clearTimeout(timer);
  }, [newest, taken]);
  return taken;
}
