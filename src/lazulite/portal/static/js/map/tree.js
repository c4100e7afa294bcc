// The live nodes as a tree in an order that depends on their names alone.
const natural = new Intl.Collator('en', { numeric: true });
const RANK = ['internet', 'site', 'region', 'network', 'gateway', 'balancer', 'client', 'subnet', 'machine'];
/** Kinds that hold others. */
export const HOLDERS = new Set(['internet', 'region', 'network', 'subnet']);

const rank = node => {
  const at = RANK.indexOf(node.kind);
  return at < 0 ? 5.5 : at;
};
/** By kind, then by name as people count, then by key. */
export const inOrder = (a, b) => rank(a) - rank(b) || natural.compare(a.name, b.name) || (a.key < b.key ? -1 : 1);

/** Map of key to the rows that have it, in their order. */
export function grouped(rows, key) {
  const found = new Map();
  for (const row of rows) {
    const at = key(row);
    if (found.has(at)) found.get(at).push(row);
    else found.set(at, [row]);
  }
  return found;
}

/** {roots, of(key)}: what has no parent here, and the children of a box, each in order. */
export function tree(nodes) {
  const all = [...nodes];
  const keys = new Set(all.map(node => node.key));
  const below = grouped(all, node => (keys.has(node.parent) ? node.parent : ''));
  for (const children of below.values()) children.sort(inOrder);
  return { roots: below.get('') ?? [], of: key => below.get(key) ?? [] };
}

/** `group/name` of an id, as the lab's API takes names that are not unique. */
const inGroup = node => `${node.id.split('/')[4]}/${plain(node)}`;
export const plain = node => node.name.replace(/ \(eth\d+\)$/, '');

/**
 * What the lab calls the end of a packet that a node stands for: a machine's or a client's name, with its group where
 * others share it; the address of a frontend; nothing for boxes that are no end.
 */
export function endOf(node, nodes) {
  if (node.kind === 'balancer') return node.details[0] ?? '';
  if (node.kind !== 'machine' && node.kind !== 'client') return '';
  const name = plain(node);
  const same = new Set(nodes.filter(n => n.kind === node.kind && plain(n) === name).map(n => n.id.toLowerCase()));
  return same.size > 1 ? inGroup(node) : name;
}

/** The node that an end means: by name, by group and name, or by address. */
export function nodeOf(end, nodes) {
  if (!end) return undefined;
  const ends = nodes.filter(n => n.kind === 'machine' || n.kind === 'client');
  return ends.find(n => plain(n) === end) ?? ends.find(n => n.id && inGroup(n) === end)
    ?? nodes.find(n => n.kind !== 'network' && n.kind !== 'subnet' && n.details.includes(end));
}
