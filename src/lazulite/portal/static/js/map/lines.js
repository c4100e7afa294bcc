// Lines between boxes, as points: along the lanes that the layout left free, with rounded corners.
const ROUND = 10;
export const centre = box => ({ x: box.x + box.w / 2, y: box.y + box.h / 2 });
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** From the middle of one box to that of another. */
export const straight = (from, to) => [centre(from), centre(to)];

/** A peering's way: from a hub down its spoke's lane if there is one, else between the sides that face each other. */
export function route(from, to, lane) {
  if (lane) return fromHub(from, to, lane);
  const [a, b] = [centre(from), centre(to)];
  if (to.y >= from.y + from.h) return elbow({ x: a.x, y: from.y + from.h }, { x: b.x, y: to.y });
  if (from.y >= to.y + to.h) return elbow({ x: a.x, y: from.y }, { x: b.x, y: to.y + to.h });
  const y = clamp((Math.max(from.y, to.y) + Math.min(from.y + from.h, to.y + to.h)) / 2, from.y, from.y + from.h);
  return to.x >= from.x + from.w
    ? [{ x: from.x + from.w, y }, { x: to.x, y }]
    : [{ x: from.x, y }, { x: to.x + to.w, y }];
}

function elbow(start, end) {
  if (Math.abs(start.x - end.x) < 1) return [start, end];
  const y = (start.y + end.y) / 2;
  return [start, { x: start.x, y }, { x: end.x, y }, end];
}

/** Straight down to the first row; beside the first rows' boxes to the later ones. */
function fromHub(hub, spoke, { row, aside }) {
  const x = clamp(spoke.x + spoke.w / 2, hub.x + 12, hub.x + hub.w - 12);
  const end = { x, y: spoke.y };
  if (row === 0 || aside === null) return [{ x, y: hub.y + hub.h }, end];
  const [lane, y] = [clamp(aside, hub.x + 12, hub.x + hub.w - 12), spoke.y - 20];
  return [{ x: lane, y: hub.y + hub.h }, { x: lane, y }, { x, y }, end];
}

/** SVG path of points, corners rounded. */
export function rounded(points) {
  const [first, ...rest] = points;
  let path = `M${at(first)}`;
  rest.forEach((point, i) => {
    const [before, after] = [points[i], rest[i + 1]];
    if (!after) return void (path += `L${at(point)}`);
    const r = Math.min(ROUND, distance(before, point) / 2, distance(point, after) / 2);
    path += `L${at(towards(point, before, r))}Q${at(point)} ${at(towards(point, after, r))}`;
  });
  return path;
}

const tidy = n => Math.round(n * 10) / 10;
const at = p => `${tidy(p.x)} ${tidy(p.y)}`;
const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
const towards = (from, to, by) => {
  const all = distance(from, to) || 1;
  return { x: from.x + ((to.x - from.x) * by) / all, y: from.y + ((to.y - from.y) * by) / all };
};
