// Where everything is drawn: nodes and joints in, boxes and lines out. Pure; the order of the input has no say.
import { CHIP, PAD, SIZE, chipWidth, chips, headings, lying, narrowest, nearest, place, reading, shapes } from './network.js';
import { bestGrid, grid, least, smallness, upTo } from './packing.js';
import { straight, route } from './lines.js';
import { width } from './text.js';
import { tree } from './tree.js';

/** Between spokes, where lines run; and between what is not joined. */
const GUTTER = 40;
const ROWS = 42;
/** Of a region, which has the Internet above it. */
const INNER = 1.55;
/** Aspects that networks of a family may all have: the one in which the family is drawn largest is taken. */
const ASPECTS = [0.4, 0.6, 0.85, 1.2, 1.8];
/** From so many machines on in all, or in one subnet, a subnet is one tile until it is seen from near. */
export const MANY = 600;
export const MANY_HERE = 60;
/** So few are never hidden. */
const FEW = 6;

/**
 * {boxes: Map of key to {x, y, w, h, head, kind}, order: keys as they are read, lines, w, h, zoom, machines, collapsed}.
 * `collapsed` are the keys of the subnets that are tiles from afar, `within` what machines they stand for.
 */
export function layout(nodes, joints) {
  const all = [...nodes];
  const { roots, of } = tree(all);
  const machines = all.filter(n => n.kind === 'machine').length;
  const zoom = Math.min(4, Math.max(1, Math.sqrt(machines / 150)));
  const map = { boxes: new Map(), order: [], zoom, machines };
  const put = (node, box) => {
    map.boxes.set(node.key, { ...box, kind: node.kind });
    if (node.kind !== 'region') map.order.push(node.key);
  };
  const peered = peers(joints);
  const outside = roots.filter(n => n.kind !== 'region').map(n => outer(n, of, zoom));
  const { regions, form } = world(roots.filter(n => n.kind === 'region'), of, peered, zoom);
  const sky = grid(outside, Math.max(1, outside.length), ROWS, 0);
  map.w = Math.max(form.w, sky.w);
  const top = sky.h ? sky.h + ROWS : 0;
  map.h = top + form.h;
  outside.forEach((one, i) => one.place((map.w - sky.w) / 2 + sky.columns[i].x, 0, put));
  regions.forEach((one, i) => {
    const [column, row] = [form.columns[i % form.columns.length], form.rows[Math.floor(i / form.columns.length)]];
    one.place((map.w - form.w) / 2 + column.x, top + row.y, put);
  });
  map.collapsed = new Set([...map.boxes].filter(([, b]) => b.kind === 'subnet' && b.machines
    && b.machines > FEW && (machines > MANY || b.machines > MANY_HERE)).map(([key]) => key));
  map.within = new Map([...map.collapsed].map(key => [key, of(key).filter(n => n.kind === 'machine').map(n => n.key)]));
  map.lines = lines(joints, map.boxes, new Map(regions.flatMap(r => [...r.lanes])));
  return map;
}

/** The regions in rows: each is given the shape that suits so many beside it. */
function world(rows, of, peered, zoom) {
  const tried = upTo(Math.min(rows.length, 4)).map(columns => {
    const aspect = INNER * Math.ceil(rows.length / columns) / columns;
    const regions = rows.map(n => region(n, of, peered, zoom, aspect));
    return { regions, form: grid(regions, columns, 2 * ROWS, 2 * ROWS) };
  });
  return least(tried, t => smallness(t.form.w, t.form.h, INNER));
}

/** Networks to the networks they are peered with, whole or not. */
function peers(joints) {
  const found = new Map();
  for (const { kind, from, to } of joints) {
    if (kind !== 'peering') continue;
    for (const [one, other] of [[from, to], [to, from]]) found.set(one, (found.get(one) ?? new Set()).add(other));
  }
  return found;
}

/** The Internet with its clients, a site, or whatever else is no region's. */
function outer(node, of, zoom) {
  const heads = headings(zoom);
  const inside = of(node.key);
  const chip = chipWidth(inside);
  const columns = Math.min(inside.length, Math.max(6, Math.ceil(Math.sqrt(inside.length * 4)))) || 1;
  const rows = Math.ceil(inside.length / columns);
  const title = (width(node.name, SIZE.network, true) + width(node.details.join(' '), SIZE.note) + 3 * PAD + 20) * zoom;
  const w = Math.max(180, title, columns * (chip + CHIP.gap) - CHIP.gap + 2 * PAD);
  const h = heads.network + (rows ? rows * (CHIP.h + CHIP.gap) - CHIP.gap + PAD : 6);
  return {
    w, h, place: (x, y, put) => {
      put(node, { x, y, w, h, head: heads.network });
      chips(inside, x + PAD, y + heads.network, columns, chip, put);
    },
  };
}

function region(node, of, peered, zoom, aspect) {
  const heads = headings(zoom);
  const nets = of(node.key).filter(n => n.kind === 'network').map(n => reading(n, of, heads));
  const groups = families(nets, peered).map(one => (one.hub ? star(one, aspect) : meadow(one.spokes, aspect)));
  const form = bestGrid(groups, GUTTER, ROWS, aspect) ?? { w: 0, h: 0, columns: [], rows: [] };
  const [w, h] = [Math.max(form.w, width(node.name, SIZE.network), 120) + 2 * PAD + 8, form.h + heads.region + (form.h ? PAD + 8 : 0)];
  const lanes = new Map();
  return {
    w, h, lanes, place: (x, y, put) => {
      put(node, { x, y, w, h, head: heads.region });
      groups.forEach((group, i) => {
        const [column, row] = [form.columns[i % form.columns.length], form.rows[Math.floor(i / form.columns.length)]];
        group.place(x + PAD + 4 + column.x, y + heads.region + row.y, put, lanes);
      });
    },
  };
}

/** Networks in families: hubs, those with the most peerings first, with whom they are peered; the rest in one. */
function families(nets, peered) {
  const left = new Map(nets.map(net => [net.node.key, net]));
  const degree = net => peered.get(net.node.key)?.size ?? 0;
  const found = [];
  for (const hub of nets.toSorted((a, b) => degree(b) - degree(a) || nets.indexOf(a) - nets.indexOf(b))) {
    const spokes = nets.filter(n => n !== hub && left.has(n.node.key) && peered.get(hub.node.key)?.has(n.node.key));
    if (!left.has(hub.node.key) || spokes.length < 2) continue;
    for (const net of [hub, ...spokes]) left.delete(net.node.key);
    found.push({ hub, spokes });
  }
  return left.size ? [...found, { spokes: [...left.values()] }] : found;
}

/** A hub as wide as the rows of its spokes below it, and the lanes between them for its peerings. */
function star({ hub, spokes }, aspect) {
  const floor = narrowest(hub);
  const tried = arrangements(spokes).map(({ forms, count }) => {
    const below = grid(forms, count, GUTTER, ROWS);
    const w = Math.max(below.w, floor);
    const top = lying(hub, w);
    return { forms, below, top, w, h: top.h + ROWS + below.h, count };
  });
  const { forms, below, top, w, h, count } = least(tried, t => smallness(t.w, t.h, aspect));
  const spread = stretched(below, w);
  return {
    w, h, place: (x, y, put, lanes) => {
      place(hub, top, x, y, put);
      spokes.forEach((net, i) => {
        const [column, row] = [spread[i % count], below.rows[Math.floor(i / count)]];
        const form = widened(net, forms[i], column.w, row.h);
        const [left, down] = [x + column.x, y + top.h + ROWS + row.y];
        place(net, form, left, down, put);
        const level = Math.floor(i / count);
        const shift = GUTTER / 2 - 4 - 4 * Math.min(3, level);
        const aside = i % count ? left - shift : left + column.w + shift;
        lanes.set(`${hub.node.key} ${net.node.key}`, { row: level, aside: count > 1 ? aside : null });
      });
    },
  };
}

/** The ways to put networks into rows, all of them in about the same shape. */
function arrangements(nets) {
  const known = nets.map(shapes);
  const columns = upTo(Math.min(nets.length, 40));
  return ASPECTS.flatMap(aspect => {
    const forms = known.map(tries => nearest(tries, aspect));
    return columns.map(count => ({ forms, count }));
  });
}

/** The columns of a grid, wider where the hub above them is. */
function stretched(form, w) {
  const more = (w - form.w) / form.columns.length;
  return form.columns.map((c, i) => ({ x: c.x + more * i, w: c.w + more }));
}

/** A network's shape in a column that may be wider: unless it grows higher than its row, which it cannot. */
const widened = (net, form, w, h) => {
  const wide = lying(net, w);
  return least([wide, ...upTo(form.beside).map(() => form)].filter(f => f.h <= h + 0.01), f => Math.abs(f.w - w)) ?? form;
};

/** Networks that belong to no hub, side by side. */
function meadow(nets, aspect) {
  const tried = arrangements(nets).map(({ forms, count }) => ({ forms, count, form: grid(forms, count, GUTTER, ROWS) }));
  const { forms, count, form } = least(tried, t => smallness(t.form.w, t.form.h, aspect));
  return {
    w: form.w, h: form.h, place: (x, y, put) => nets.forEach((net, i) => {
      const [column, row] = [form.columns[i % count], form.rows[Math.floor(i / count)]];
      place(net, widened(net, forms[i], column.w, row.h), x + column.x, y + row.y, put);
    }),
  };
}

/** Every joint whose ends are drawn, with the points it passes. */
function lines(joints, boxes, lanes) {
  const sorted = joints.toSorted((a, b) => (`${a.kind} ${a.from} ${a.to}` < `${b.kind} ${b.from} ${b.to}` ? -1 : 1));
  return sorted.flatMap(joint => {
    const [from, to] = [boxes.get(joint.from), boxes.get(joint.to)];
    if (!from || !to) return [];
    if (joint.kind !== 'peering') return [{ ...joint, points: straight(from, to) }];
    const forth = lanes.get(`${joint.from} ${joint.to}`);
    const back = lanes.get(`${joint.to} ${joint.from}`);
    const points = back ? route(to, from, back).toReversed() : route(from, to, forth);
    return [{ ...joint, points }];
  });
}
