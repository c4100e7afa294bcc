// Ways between boxes that cross no name: along the gaps between chips, subnets and networks.
import { centre } from './lines.js';
import { CHIP, PAD } from './network.js';

const ASIDE = 12;
const HALF = PAD / 2;

/** What a box stands in: {net, cell} are the outermost box but its region and the box whose chips it is among. */
function setting(key, map, nodes) {
  const cell = nodes.get(nodes.get(key).parent);
  let top = nodes.get(key);
  while (nodes.get(top.parent) && nodes.get(top.parent).kind !== 'region') top = nodes.get(top.parent);
  return { net: map.boxes.get(top.key), netKey: top.key, cell: cell && cell.kind !== 'region' ? map.boxes.get(cell.key) : null };
}

/** Key of the network, or what else is outermost but its region, that a box is in. */
export const outermost = (key, map, nodes) => setting(key, map, nodes).netKey;

/** From a chip's side, or from below or above it where others stand beside it, to the alley beside its subnet. */
function toAlley(key, toward, map, nodes, taken) {
  const box = map.boxes.get(key);
  const { cell, net } = setting(key, map, nodes);
  const middle = centre(box);
  if (!cell) return { points: [{ x: middle.x, y: toward.y > middle.y ? box.y + box.h : box.y }], x: middle.x };
  const lanes = cell === net ? [net.x + HALF, net.x + net.w - HALF] : [cell.x - HALF, cell.x + cell.w + HALF];
  const row = [...map.boxes].filter(([k, b]) => nodes.get(k)?.parent === nodes.get(key).parent && Math.abs(b.y - box.y) < 1 && b.head === undefined);
  const blocked = x => row.some(([, b]) => (x < box.x ? b.x < box.x - 1 : b.x > box.x + 1));
  const price = x => Math.abs(x - middle.x) + Math.abs(x - toward.x) + (blocked(x) ? 12 : 0) + (x === taken ? 150 : 0);
  const x = price(lanes[0]) <= price(lanes[1]) ? lanes[0] : lanes[1];
  if (!blocked(x)) return { points: [{ x: x < box.x ? box.x : box.x + box.w, y: middle.y }, { x, y: middle.y }], x };
  const down = toward.y > middle.y;
  const gap = down ? box.y + box.h + CHIP.gap / 2 : box.y - CHIP.gap / 2;
  return { points: [{ x: middle.x, y: down ? box.y + box.h : box.y }, { x: middle.x, y: gap }, { x, y: gap }], x };
}

/** Out of a chip's network, to just above or below it: the points, the last of them outside. */
function out(key, toward, map, nodes, taken) {
  const { net } = setting(key, map, nodes);
  const { points, x } = toAlley(key, toward, map, nodes, taken);
  return [...points, { x, y: toward.y > net.y + net.h / 2 ? net.y + net.h + ASIDE : net.y - ASIDE }];
}

/** Between two chips of one network. */
function within(from, to, map, nodes, taken) {
  const [a, b] = [map.boxes.get(from), map.boxes.get(to)];
  const one = toAlley(from, centre(b), map, nodes, taken);
  const other = toAlley(to, { x: one.x, y: a.y }, map, nodes);
  if (Math.abs(one.x - other.x) < 1) return [...one.points, ...other.points.toReversed()];
  const cell = setting(to, map, nodes).cell ?? b;
  const y = cell.y - HALF;
  return [...one.points, { x: one.x, y }, { x: other.x, y }, ...other.points.toReversed()];
}

const crosses = (x, top, bottom, box) => box.kind === 'network' && x > box.x && x < box.x + box.w && box.y < bottom && box.y + box.h > top;

/** Between networks that no line joins: straight where nothing is in between, else along the margin of the region. */
function across(from, to, map) {
  const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
  const inTheWay = x => [...map.boxes.values()].some(box => crosses(x, top, bottom, box));
  if (!inTheWay(to.x)) return [{ x: to.x, y: from.y }];
  const region = [...map.boxes.values()].find(b => b.kind === 'region' && Math.max(from.y, to.y) > b.y && to.x > b.x && to.x < b.x + b.w);
  const x = region ? (to.x - region.x < region.x + region.w - to.x ? region.x + 8 : region.x + region.w - 8) : from.x;
  return [{ x, y: from.y }, { x, y: to.y }];
}

/**
 * The points of a way from one chip to another; `lines` are the peerings it takes, in its direction, and `taken` is where
 * the alley runs that the packet came by: it leaves by another one if that is not far.
 */
export function way(from, to, lines, map, nodes, taken) {
  if (outermost(from, map, nodes) === outermost(to, map, nodes)) return within(from, to, map, nodes, taken);
  const passed = lines.flat();
  const start = out(from, passed[0] ?? centre(map.boxes.get(to)), map, nodes, taken);
  const end = out(to, passed.at(-1) ?? centre(map.boxes.get(from)), map, nodes).toReversed();
  if (!passed.length) {
    const [turn] = across(start.at(-1), end[0], map);
    const nearer = out(to, { x: turn.x, y: start.at(-1).y }, map, nodes).toReversed();
    return [...start, ...across(start.at(-1), nearer[0], map), ...nearer];
  }
  return [...start, ...joined(start.at(-1), passed, end[0]), ...end];
}

/** From a chip along peerings to where the last of them ends. */
export function halfway(from, lines, map, nodes, taken) {
  const passed = lines.flat();
  const start = out(from, passed[0], map, nodes, taken);
  return [...start, ...joined(start.at(-1), passed, passed.at(-1))];
}

const joined = (start, passed, end) => [{ x: passed[0].x, y: start.y }, ...passed.slice(1, -1), { x: passed.at(-1).x, y: end.y }];
