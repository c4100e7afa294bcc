// The inside of one network: its balancers and gateways in a strip, below them its subnets, each with its machines.
import { width } from './text.js';
import { cost, grid, least, upTo } from './packing.js';

export const CHIP = { h: 32, gap: 7, least: 96, most: 148 };
export const PAD = 12;
/** Font sizes in units at a scale of 1. */
export const SIZE = { network: 15, subnet: 13, note: 11.5, chip: 12, small: 10 };
const TITLE = 300;

/** Heights of headings: higher where the map is so large that it is looked at from afar. */
export const headings = zoom => ({ zoom, region: 30 * zoom, network: 36 * zoom, subnet: 29 * zoom, second: 16 * zoom });

const across = (columns, chip) => columns * (chip + CHIP.gap) - CHIP.gap;
const fitting = (room, chip) => Math.max(1, Math.floor((room + CHIP.gap + 0.01) / (chip + CHIP.gap)));
/** Chips are a little wider where there is room for it, but not stretched. */
const filling = (room, columns, chip) => Math.min(chip * 1.3, (room + CHIP.gap) / columns - CHIP.gap);
const down = (count, columns) => (count ? Math.ceil(count / columns) * (CHIP.h + CHIP.gap) - CHIP.gap : 0);

/** One width for all the chips of a network, so that they stand in columns through all of its subnets. */
export function chipWidth(nodes) {
  let most = CHIP.least;
  for (const node of nodes) {
    most = Math.max(most, width(node.name, SIZE.chip) + 24, width(node.details[0] ?? '', SIZE.small) + 24);
  }
  return Math.min(CHIP.most, Math.ceil(most / 4) * 4);
}

/** What the second line of a subnet's heading says: its security group, its routes, its gateway. */
export const second = node => node.details.slice(1).join(' · ');
/** Prefixes at the right of a heading. */
export const prefixes = node => (node.kind === 'network' && node.details.length > 2
  ? `${node.details[0]} +${node.details.length - 1}` : node.kind === 'network' ? node.details.join(' ') : node.details[0] ?? '');

/** Room at the sides of a heading. */
export const margin = swell => PAD * Math.min(1.8, swell);
/** Width of a heading from near, and of its name alone, or of a tile's count, from afar. */
function titleWidth(node, size, zoom) {
  const near = width(node.name, size, true) + width(prefixes(node), SIZE.note) + size;
  const afar = zoom > 1 ? zoom * Math.max(width(node.name, size, true), width('000 machines', SIZE.chip, true)) : 0;
  return Math.min(TITLE * zoom, Math.max(near, afar)) + 2 * margin(zoom);
}

/** A network to be laid out: {node, edge, subnets: [{node, machines}], chip, least}. */
export function reading(node, of, heads) {
  const inside = of(node.key);
  const subnets = inside.filter(n => n.kind === 'subnet').map(n => ({ node: n, machines: of(n.key) }));
  const edge = inside.filter(n => n.kind !== 'subnet');
  const chip = chipWidth([...edge, ...subnets.flatMap(s => s.machines)]);
  const narrowest = Math.max(chip + 2 * PAD, ...subnets.map(s => titleWidth(s.node, SIZE.subnet, heads.zoom)));
  return { node, edge, subnets, chip, narrowest, title: titleWidth(node, SIZE.network, heads.zoom), heads };
}

function subnetHeight({ node, machines }, columns, heads) {
  const head = heads.subnet + (second(node) ? heads.second : 0);
  return head + (machines.length ? down(machines.length, columns) + PAD : 6);
}

/** The network's shape with `across` subnets in a row, in a width of `w`: {w, h, beside, columns, sub, cells}. */
export function shape(net, beside, w) {
  const room = w - 2 * PAD;
  const sub = (room - (beside - 1) * PAD) / beside;
  const columns = fitting(sub - 2 * PAD, net.chip);
  const cells = grid(net.subnets.map(s => ({ w: sub, h: subnetHeight(s, columns, net.heads) })), beside, PAD, PAD);
  const strip = net.edge.length ? down(net.edge.length, fitting(room, net.chip)) + PAD : 0;
  const h = net.heads.network + strip + (net.subnets.length ? cells.h + PAD : 0) + (strip || net.subnets.length ? 0 : 8);
  return { w, h, beside, columns, sub, cells, strip };
}

const widthFor = (net, beside, columns) => {
  const sub = Math.max(net.narrowest, across(columns, net.chip) + 2 * PAD);
  return Math.max(beside * (sub + PAD) - PAD + 2 * PAD, net.title);
};

/** The shapes that a network may take by itself. */
export function shapes(net) {
  const most = Math.max(1, ...net.subnets.map(s => s.machines.length), Math.min(6, net.edge.length));
  const widest = Math.min(most, Math.ceil(2.2 * Math.sqrt(most)));
  return upTo(Math.min(12, net.subnets.length)).flatMap(b => upTo(widest).map(c => shape(net, b, widthFor(net, b, c))));
}

/** The one of some shapes that is nearest to an aspect and small. */
export const nearest = (tries, aspect) => least(tries, s => cost(s.w, s.h, aspect));

/** The lowest shape in a given width: what a hub takes above its spokes. */
export function lying(net, w) {
  const fits = upTo(net.subnets.length).filter(b => widthFor(net, b, 1) <= w + 0.01);
  return least((fits.length ? fits : [1]).map(b => shape(net, b, w)), s => s.h - s.beside * 0.01);
}

/** The least width that a network can have. */
export const narrowest = net => widthFor(net, 1, 1);

/** Put a network of a shape at (x, y): `put(node, box)` hears of every box in it, in reading order. */
export function place(net, form, x, y, put) {
  put(net.node, { x, y, w: form.w, h: form.h, head: net.heads.network });
  let top = y + net.heads.network;
  chips(net.edge, x + PAD, top, fitting(form.w - 2 * PAD, net.chip), net.chip, put);
  top += form.strip;
  net.subnets.forEach((subnet, i) => {
    const row = form.cells.rows[Math.floor(i / form.beside)];
    const left = x + PAD + (i % form.beside) * (form.sub + PAD);
    const head = net.heads.subnet + (second(subnet.node) ? net.heads.second : 0);
    const box = { x: left, y: top + row.y, w: form.sub, h: row.h, head, machines: subnet.machines.length };
    put(subnet.node, box);
    chips(subnet.machines, left + PAD, box.y + head, form.columns, filling(form.sub - 2 * PAD, form.columns, net.chip), put);
  });
}

/** Chips in columns. */
export function chips(nodes, x, y, columns, chip, put) {
  nodes.forEach((node, i) => put(node, {
    x: x + (i % columns) * (chip + CHIP.gap), y: y + Math.floor(i / columns) * (CHIP.h + CHIP.gap), w: chip, h: CHIP.h,
  }));
}
