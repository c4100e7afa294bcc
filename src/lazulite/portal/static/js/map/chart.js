// What a machine sends and gets, over the last two minutes.
import { html, useEffect, useRef } from '../html.js';
import uPlot from '../../vendor/uplot.js';
import { brief } from './captions.js';

const SPAN_S = 120;
const WIDTH = 308;

/** Remembers the rates of all nodes that have any: what is known when somebody looks. */
export class History {
  #rows = new Map();

  /** Keep what a frame of the stream told. */
  take(live) {
    const now = Date.now() / 1000;
    for (const node of live.nodes.values()) {
      const rows = this.#rows.get(node.key);
      const last = rows?.at(-1);
      if (!rows && !node.out && !node.in) continue;
      if (last && last[1] === node.out && last[2] === node.in) continue;
      if (!rows) this.#rows.set(node.key, [[now - 1, 0, 0], [now, node.out, node.in]]);
      else rows.push([now, node.out, node.in]);
      while (rows && rows.length > 2 && rows[1][0] < now - SPAN_S) rows.shift();
    }
  }

  /** Columns for a chart: times as seconds before now, out, in; a rate holds until another is told. */
  of(key, now = Date.now() / 1000) {
    const rows = this.#rows.get(key) ?? [];
    const steps = rows.flatMap(([at, out, into], i) => [[at, out, into], [rows[i + 1]?.[0] ?? now, out, into]]);
    return [steps.map(r => Math.max(-SPAN_S, r[0] - now)), steps.map(r => r[1]), steps.map(r => r[2])];
  }
}

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options() {
  const axis = { stroke: colour('--mute'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '10px sans-serif' };
  return {
    width: WIDTH, height: 140, legend: { show: false }, cursor: { show: false }, padding: [8, 14, 0, 0],
    scales: { x: { time: false, range: [-SPAN_S, 0] }, y: { range: (_, __, high) => [0, Math.max(1000, high * 1.1)] } },
    axes: [
      { ...axis, size: 24, splits: () => [-120, -90, -60, -30, 0], values: (_, ticks) => ticks.map(t => (t ? `${t} s` : 'now')) },
      { ...axis, size: 42, values: (_, ticks) => ticks.map(t => brief(t)) },
    ],
    series: [{}, { stroke: colour('--accent'), width: 1.5, fill: `${colour('--accent')}22` }, { stroke: colour('--ok-dot'), width: 1.5, fill: `${colour('--ok-dot')}1a` }],
  };
}

/** The chart of one node; `moment` moves with every frame. */
export function Chart({ node, history, moment }) {
  const [box, plot] = [useRef(), useRef()];
  useEffect(() => {
    plot.current = new uPlot(options(), history.of(node.key), box.current);
    return () => plot.current.destroy();
  }, [node.key]);
  useEffect(() => plot.current.setData(history.of(node.key)), [node.key, moment]);
  return html`<figure class="rates"><figcaption><b>Throughput</b> <span class="quiet">B/s</span>
    <span class="key out">out ${brief(node.out)}</span> <span class="key in">in ${brief(node.in)}</span></figcaption>
    <div ref=${box} role="img" aria-label=${`Throughput of ${node.name}: ${brief(node.out)} bytes a second out, ${brief(node.in)} in`}></div></figure>`;
}
