// The map itself: draws what meets the view, and says which box was picked.
import { html, useLayoutEffect, useMemo, useRef, useState } from '../html.js';
import { Chip, Frame, Region, Tile, tile } from './boxes.js';
import { Camera, folds, level, meets, swell } from './camera.js';
import { way } from './alleys.js';
import { rounded } from './lines.js';
import { Path } from './path.js';
import { walk } from './walking.js';

/**
 * `map` is a layout, `nodes` the live nodes; `chosen` and `matching` are sets of keys, the latter null without a search;
 * `pick(key, event)`, `clear()`; `held.current` becomes {camera, svg}, for buttons that move the view.
 */
export function Canvas({ map, nodes, chosen, matching, layers, trace, pick, clear, held }) {
  const [svg, root] = [useRef(), useRef()];
  const [seen, setSeen] = useState(null);
  const [reached, setReached] = useState(null);
  const latest = useRef();
  useLayoutEffect(() => { // before anybody can click
    const camera = new Camera(svg.current, root.current, setSeen);
    held.current = { camera, svg: svg.current, drawAll: () => setSeen({ k: 1, window: { x: -1e6, y: -1e6, w: 2e6, h: 2e6 } }) };
    return camera.start();
  }, []);
  useLayoutEffect(() => held.current.camera.extent(map.w, map.h), [map]);
  const choose = (key, event) => {
    setReached(key);
    if (event.target.closest('[data-tile]')) held.current.camera.visit(map.boxes.get(key));
    else pick(key, event);
  };
  latest.current = { map, seen, reached, setReached, choose, clear, camera: held.current?.camera };
  const first = reached && map.boxes.has(reached) ? reached : map.order[0];
  const click = event => {
    if (held.current.camera.dragged) return;
    const at = event.target.closest('[data-key]');
    if (at) choose(at.dataset.key, event);
    else clear();
  };
  // The focus is heard of outside: an element of SVG that listens to it could be reached itself.
  return html`<div class="stage" onFocusIn=${event => event.target.dataset?.key && setReached(event.target.dataset.key)}><svg ref=${svg} class=${`canvas ${seen ? level(seen.k) : 'far'} ${trace ? 'traced' : ''}`} role="group" aria-label="Network map"
      onClick=${click} onDblClick=${event => event.target.closest('[data-key]') || held.current.camera.zoom(1.6)}
      onKeyDown=${event => walk(event, latest.current, svg.current)}>
    <g ref=${root}>${seen && html`<${Inside} ...${{ map, nodes, chosen, matching, layers, seen, reached: first }}/>
      ${trace && html`<${Path} trace=${trace} map=${map} nodes=${nodes} k=${seen.k}/>`}`}</g></svg></div>`;
}

function Inside({ map, nodes, chosen, matching, layers, seen, reached }) {
  const folded = folds(seen.k);
  const big = swell(seen.k, map.zoom);
  const tiles = useRef(new Map());
  const shown = useMemo(() => visible(map, nodes, seen.window, folded), [map, seen.window, folded]);
  const props = key => ({ key, node: nodes.get(key), box: map.boxes.get(key), chosen: chosen.has(key), reached: key === reached,
    dim: matching !== null && !matching.has(key) });
  const known = keys => keys.filter(key => nodes.has(key));
  return html`
    ${known(shown.regions).map(key => html`<${Region} ...${props(key)} swell=${big}/>`)}
    <g class="lines">${map.lines.filter(l => l.kind === 'peering').map(l => html`<path key=${l.from + l.to} class=${l.whole ? 'peering' : 'peering broken'}
      d=${rounded(l.points)}><title>${said(l, nodes)}</title></path>`)}</g>
    ${known(shown.frames).map(key => html`<${Frame} ...${props(key)} dim=${false} swell=${big}/>`)}
    ${known(shown.chips).map(key => html`<${Chip} ...${props(key)} layers=${layers}/>`)}
    ${known(shown.tiles).map(key => html`<${Tile} ...${props(key)} dim=${matching !== null && !map.within.get(key).some(k => matching.has(k))} ...${kept(tiles.current, key, map, nodes)} swell=${big}/>`)}
    <g class="lines">${map.lines.filter(l => l.kind !== 'peering' && (layers.balancers || chosen.has(l.from) || chosen.has(l.to)))
      .map(l => html`<path key=${l.from + l.to} class="serves" d=${rounded(way(l.from, l.to, [], map, nodes))}/>`)}</g>`;
}

const said = (joint, nodes) => `${nodes.get(joint.from)?.name} and ${nodes.get(joint.to)?.name}: ${joint.whole ? 'peered' : 'peered from one side only'}`;

/** Keys of what meets a rectangle of the map. */
function visible(map, nodes, window, fold) {
  const found = { regions: [], frames: [], chips: [], tiles: [] };
  const folded = fold ? map.collapsed : new Set();
  for (const [key, box] of map.boxes) {
    if (!meets(box, window)) continue;
    if (box.kind === 'region') found.regions.push(key);
    else if (box.head !== undefined) found.frames.push(key);
    else if (!folded.has(nodes.get(key)?.parent) || nodes.get(key)?.kind !== 'machine') found.chips.push(key);
    if (folded.has(key)) found.tiles.push(key);
  }
  return found;
}

/** What a tile tells, kept until one of its machines is another: machines are new objects when they change. */
function kept(tiles, key, map, nodes) {
  const machines = map.within.get(key).map(k => nodes.get(k)).filter(Boolean);
  const was = tiles.get(key);
  if (was?.map === map && was.machines.length === machines.length && was.machines.every((n, i) => n.health === machines[i].health)) return was.props;
  const props = tile(machines, map.boxes.get(key), map.boxes);
  tiles.set(key, { map, machines, props });
  return props;
}
