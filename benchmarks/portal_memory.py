"""What a page of the portal holds: after loading, and after an hour's worth of frames. In labs without packets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from benchmarks.portal import chromium, furnished, opened
from benchmarks.result import Goal, Result, alone

SECONDS = 3600
TURNS = int(os.environ.get("LAZULITE_TURNS", "3"))
FLOWS = 20
"""Records in a second."""
_TAP = """(() => {
  const real = window.fetch;
  const clock = Date.now;
  window.streams = {};
  window.passed = 0;
  Date.now = () => clock() + window.passed;
  window.fetch = async (path, options) => {
    const answer = await real(path, options);
    const name = String(path).split('?')[0].split('/').pop();
    if (!String(path).startsWith('/lazulite/stream/')) return answer;
    const reader = answer.body.getReader();
    const body = new ReadableStream({
      start(queue) {
        window.streams[name] = frame => queue.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(frame)}\\n\\n`));
        const pass = ({value, done}) => done ? queue.close() : (queue.enqueue(value), reader.read().then(pass));
        reader.read().then(pass).catch(() => {});
      },
      cancel() { return reader.cancel(); },
    });
    return new Response(body, {status: answer.status, headers: answer.headers});
  };
})()"""
"""Streams as they are, into which frames can be put, and a clock that can be put forward: what is kept for some minutes
is to be seen going."""
_STATES = """async count => {
  for (let second = 0; second < count; second++) {
    const nodes = {};
    const some = () => Math.floor(Math.random() * 1e6);
    for (const key of window.keys) nodes[key] = {out: some(), in: some()};
    window.passed += 1000;
    window.streams.topology({type: 'state', time: second, nodes});
    if (second % 60 === 0) await new Promise(requestAnimationFrame);
  }
}"""
_FLOWS = """async ([count, rows]) => {
  const machine = number => `vm${number % 100}`;
  for (let second = 0; second < count; second++) {
    const told = [];
    for (let i = 0; i < rows; i++) {
      const number = second * rows + i;
      told.push({
        time: new Date(1.7e12 + 1000 * second + i).toISOString(), port: `/nic${number}`, machine: machine(number),
        direction: 'in', protocol: 6, from: machine(number), to: machine(number + 1), source: '10.1.0.4',
        sourcePort: 1024 + number % 60000, destination: '10.1.0.5', destinationPort: 80, verdict: 'allow',
        rule: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/n/securityRules/r',
        state: 'B', packets: [0, 0], bytes: [0, 0],
      });
    }
    window.passed += 1000;
    window.streams.flows({type: 'flows', rows: told, left: 0});
    if (second % 60 === 0) await new Promise(requestAnimationFrame);
  }
}"""


def portal_memory() -> Iterator[Result]:
    """Needs what the benchmark of the portal needs."""
    with chromium() as browser:
        for count in (100, 500) if browser is not None else ():
            with furnished(count) as one:
                yield from _held(one, browser, count)


def _held(one: Any, browser: Any, count: int) -> Iterator[Result]:
    loaded, grown, watched = [], [], []
    for _ in range(TURNS):
        page, _, _ = opened(one, browser, script=_TAP)
        protocol = page.context.new_cdp_session(page)
        keys = [node["key"] for node in _nodes(one)]
        assert len(keys) >= count
        page.evaluate("keys => { window.keys = keys; }", keys)
        page.evaluate(_STATES, 180)  # what is made once: rates on the map, and two minutes of them for charts
        first = _heap(protocol)
        loaded.append(first)
        page.evaluate(_STATES, SECONDS)
        grown.append(_heap(protocol) - first)
        page.evaluate("() => { location.hash = '#/flows'; }")
        page.get_by_text("live", exact=True).wait_for()
        page.evaluate(_FLOWS, [60, FLOWS])
        before = _heap(protocol)
        page.evaluate(_FLOWS, [SECONDS, FLOWS])
        watched.append(_heap(protocol) - before)
        page.context.close()
    yield alone(f"JS heap of the map at {count} VMs", loaded, "MB")
    hour = f"{SECONDS} frames"
    yield alone(f"and what an hour adds, {hour} of {count} VMs' rates", grown, "MB", Goal(1, "ours"))
    told = f"{SECONDS * FLOWS:,} flows"
    yield alone(f"and what an hour of {told} adds to their table", watched, "MB", Goal(1, "ours"))


def _nodes(one: Any) -> list[dict[str, Any]]:
    """Machines, as the stream names them."""

    def below(boxes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for box in boxes:
            yield box
            yield from below(box["children"])

    return [box for box in below(one.client.get("/lazulite/picture")["boxes"]) if box["kind"] == "machine"]


def _heap(protocol: Any) -> float:
    """Megabytes that JavaScript holds once garbage is gone."""
    protocol.send("Performance.enable")
    for _ in range(2):
        protocol.send("HeapProfiler.collectGarbage")
    found = {m["name"]: m["value"] for m in protocol.send("Performance.getMetrics")["metrics"]}
    return float(found["JSHeapUsedSize"]) / 1e6
