// Every answer of the lab comes late, each by a time of its own: so they come in another order than they were asked for.
// Half of the time is spent before the lab hears of the request. Frames of streams come late too, but in their order.
(seed => {
  const MOST_MS = 900;
  const real = window.fetch;
  const random = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const pause = (signal, most = MOST_MS / 2) => new Promise((done, failed) => {
    signal?.throwIfAborted();
    const timer = setTimeout(done, random() * most);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      failed(signal.reason);
    }, { once: true });
  });
  const late = body => new ReadableStream({
    async start(control) {
      const reader = body.getReader();
      let before = Promise.resolve();
      let lost = false;
      const hand = (value, done) => lost || (done ? control.close() : control.enqueue(value));
      try {
        for (;;) {
          const { value, done } = await reader.read();
          before = Promise.all([before, pause(null, MOST_MS)]).then(() => hand(value, done));
          if (done) return await before;
        }
      } catch (error) {
        lost = true;
        control.error(error);
      }
    },
  });
  window.fetch = async (path, options = {}) => {
    await pause(options.signal);
    const answer = await real(path, options);
    await pause(options.signal);
    if (!/\/stream\/|\/output\b/.test(String(path)) || !answer.ok) return answer;
    return new Response(late(answer.body), { status: answer.status, headers: answer.headers });
  };
})
