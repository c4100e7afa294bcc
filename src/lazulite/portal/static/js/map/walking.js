// The map by keyboard: arrows walk its boxes, Enter chooses, Escape lets go, + and - zoom, 0 shows all.
import { folds } from './camera.js';
import { centre } from './lines.js';

const STEP = 80;

/** Keys of the boxes that can be reached now, as they are read; of a subnet that is a tile, the tile stands for its machines. */
export function reachable(map, k) {
  if (!folds(k) || !map.collapsed.size) return map.order;
  const hidden = new Set([...map.collapsed].flatMap(key => map.within.get(key)));
  return map.order.filter(key => !hidden.has(key));
}

const rank = box => (box.head === undefined ? 'chip' : box.kind === 'subnet' ? 'subnet' : 'outer');

/** The nearest box above (-1) or below (1) that is one of many as this one is, or holds others as this one does. */
export function beyond(map, keys, from, sign) {
  const [box, here] = [map.boxes.get(from), centre(map.boxes.get(from))];
  const price = key => {
    const [to, at] = [map.boxes.get(key), centre(map.boxes.get(key))];
    const far = (at.y - here.y) * sign;
    if (key === from || far <= 1 || rank(to) !== rank(box)) return Infinity;
    return 2 * far + Math.abs(at.x - here.x);
  };
  const best = keys.reduce((a, b) => (price(b) < price(a) ? b : a), from);
  return price(best) === Infinity ? from : best;
}

/** One key pressed over the map. */
export function walk(event, { map, seen, reached, choose, clear, camera, setReached }, svg) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = moves(event, camera)[event.key] ?? steps(event, map, seen, reached, choose, clear)[event.key];
  if (!act) return;
  event.preventDefault();
  const to = act();
  if (typeof to !== 'string' || !map.boxes.has(to)) return;
  setReached(to);
  camera.reveal(map.boxes.get(to));
  focusOn(svg, to);
}

const moves = (event, camera) => ({
  '+': () => camera.zoom(1.4), '=': () => camera.zoom(1.4), '-': () => camera.zoom(1 / 1.4), '0': () => camera.fit(),
  ...(event.shiftKey && {
    ArrowLeft: () => camera.pan(STEP, 0), ArrowRight: () => camera.pan(-STEP, 0),
    ArrowUp: () => camera.pan(0, STEP), ArrowDown: () => camera.pan(0, -STEP),
  }),
});

function steps(event, map, seen, reached, choose, clear) {
  const keys = reachable(map, seen?.k ?? 1);
  const at = event.target.dataset?.key ?? reached ?? keys[0];
  const step = by => () => keys[Math.max(0, Math.min(keys.length - 1, keys.indexOf(at) + by))];
  return {
    ArrowRight: step(1), ArrowLeft: step(-1), Home: () => keys[0], End: () => keys.at(-1),
    ArrowDown: () => beyond(map, keys, at, 1), ArrowUp: () => beyond(map, keys, at, -1),
    Enter: () => void choose(at, event), ' ': () => void choose(at, event), Escape: () => void clear(),
  };
}

/** Focus follows once the box is drawn, which it may not yet be. */
export function focusOn(svg, key, tries = 30) {
  const found = [...svg.querySelectorAll('[data-key]')].filter(e => e.dataset.key === key).at(-1);
  if (found) found.focus({ preventScroll: true });
  else if (tries) requestAnimationFrame(() => focusOn(svg, key, tries - 1));
}
