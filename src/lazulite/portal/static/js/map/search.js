// Finding boxes by what is known of them.
/** Keys of the nodes that have all words in their name, addresses or kind; null without words. */
export function matches(words, nodes) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return null;
  const text = n => `${n.name} ${n.kind} ${n.details.join(' ')} ${n.health}`.toLowerCase();
  return new Set([...nodes.values()].filter(n => wanted.every(word => text(n).includes(word))).map(n => n.key));
}

/** The best of what matches: a name that begins so before one that merely has it, machines before what holds them. */
export function best(words, matching, nodes, order) {
  const found = order.filter(key => matching.has(key)).map(key => nodes.get(key));
  const begins = n => n.name.toLowerCase().startsWith(words.trim().toLowerCase());
  return found.find(n => n.name.toLowerCase() === words.trim().toLowerCase()) ?? found.find(n => begins(n) && n.kind === 'machine')
    ?? found.find(begins) ?? found.find(n => n.kind === 'machine') ?? found[0];
}
