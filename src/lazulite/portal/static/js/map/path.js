// A trace over the map: the way in the verdict's colour, what it touches, and where it ends.
import { html, useMemo } from '../html.js';
import { stops, trail } from './waypoints.js';

/** `trace` is the lab's answer; `k` the scale, so that marks stay as large as they are. */
export function Path({ trace, map, nodes, k }) {
  const forward = useMemo(() => trail(stops(trace.forward, map, nodes), map, nodes), [trace, map]);
  const back = useMemo(() => reply(trace, map, nodes), [trace, map]);
  const kind = trace.passes ? 'good' : 'bad';
  return html`<g class=${`trail ${kind}`}>
    ${forward.marks.map(key => html`<${Outline} key=${key} box=${map.boxes.get(key)} k=${k}/>`)}
    ${back && html`<path class="back" d=${back.d}/>`}
    <path class="halo" d=${forward.d}/><path class="way" d=${forward.d} data-stops=${forward.marks.length}/>
    ${mark(trace, forward, back, k)}</g>`;
}

const Outline = ({ box, k }) => html`<rect class="touched" x=${box.x - 2 / k} y=${box.y - 2 / k} width=${box.w + 4 / k} height=${box.h + 4 / k} rx="7"/>`;

/** The answer's way, where it is not the packet's own way back. */
function reply(trace, map, nodes) {
  if (!trace.reply) return null;
  const [there, back] = [stops(trace.forward, map, nodes), stops(trace.reply, map, nodes)];
  const met = keys => keys.filter(key => ['machine', 'client'].includes(map.boxes.get(key).kind)).join(' ');
  return met(there.toReversed()) === met(back) ? null : trail(back, map, nodes);
}

const SIGNS = { good: 'M-4 0l3 3l5-6', bad: 'M-3.500-3.500l7 7M3.500-3.500l-7 7' };

function mark(trace, forward, back, k) {
  const lost = !trace.passes && trace.reply && back ? back : forward;
  if (!lost.end) return null;
  const kind = trace.passes ? 'good' : 'bad';
  return html`<g class=${`mark ${kind}`} transform=${`translate(${lost.end.x} ${lost.end.y}) scale(${1 / k})`}>
    <title>${trace.passes ? 'arrives here' : 'ends here'}</title><circle r="9"/><path d=${SIGNS[kind]}/></g>`;
}
