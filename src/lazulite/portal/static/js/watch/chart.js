// A chart over time: uPlot in the page's colours, with a legend that says the last values.
import { html, useEffect, useRef } from '../html.js';
import uPlot from '../../vendor/uplot.js';

const COLOURS = ['--accent', '--ok-dot', '--warn-dot', '--bad-dot', '--mute', '--good'];
const STEPS_S = [1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600];
/** The time of day of a place on the axis, with seconds where places are closer than a minute. */
const timeOf = (at, step) => new Date(at * 1000).toLocaleTimeString([], { hour12: false, hour: '2-digit', minute: '2-digit', ...(step < 60 && { second: '2-digit' }) });
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Columns `data` (seconds since 1970, then one a name), a `unit(value)` for the axis, which goes up to `least` at least; `label` says what it is. The axis of time shows `span` seconds at least. */
export function Chart({ label, names, data, unit, least = 1, height = 220, span = 30 }) {
  const [box, plot, reach] = [useRef(), useRef(), useRef()];
  reach.current = span;
  useEffect(() => {
    const axis = { stroke: colour('--mute'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '11px sans-serif' };
    const series = names.map((name, i) => ({ label: name, stroke: colour(COLOURS[i % COLOURS.length]), width: 1.6, points: { show: u => u.data[0].length < 3 } }));
    const options = {
      width: box.current.clientWidth || 600, height, legend: { show: false }, cursor: { show: false }, padding: [10, 20, 0, 4],
      scales: { x: { range: (_, low, high) => [Math.min(low, high - reach.current), high] }, y: { range: (_, __, high) => [0, Math.max(least, (high || 0) * 1.1)] } },
      axes: [{ ...axis, size: 28, incrs: STEPS_S, values: (_, ticks, __, ___, step) => ticks.map(t => timeOf(t, step)), space: 90 }, { ...axis, size: 74, values: (_, ticks) => ticks.map(unit) }],
      series: [{}, ...series],
    };
    plot.current = new uPlot(options, data, box.current);
    const [drawn, around] = [plot.current, box.current];
    const watch = new ResizeObserver(() => { if (around.clientWidth) drawn.setSize({ width: around.clientWidth, height }); });
    watch.observe(around);
    return () => { watch.disconnect(); drawn.destroy(); };
  }, [names.join('|')]);
  useEffect(() => plot.current.setData(data), [data]);
  const last = i => data[i + 1]?.at(-1);
  const since = data[0].find((_, moment) => data.some((column, i) => i > 0 && column[moment] != null));
  return html`<figure class="chart"><figcaption><b>${label}</b> ${names.map((name, i) => html`<span class=${`key series${i % COLOURS.length}`} key=${name}>${name} <b>${last(i) == null ? '–' : unit(last(i))}</b></span>`)}</figcaption>
    <div ref=${box} role="img" data-since=${since} aria-label=${`${label}: ${names.map((name, i) => `${name} ${last(i) == null ? 'nothing yet' : unit(last(i))}`).join(', ')}${since ? `; since ${timeOf(since, 60)}` : ''}`}></div></figure>`;
}
