// What the pages of this section say of flows, captures and counters: pure functions, tested in node.

const PROTOCOLS = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 50: 'ESP', 51: 'AH', 58: 'ICMPv6' };
const STATES = { B: 'began', C: 'goes on', E: 'ended', D: 'denied' };
/** Rows that a table of flows holds. */
export const MOST_FLOWS = 500;

export const protocolName = number => PROTOCOLS[number] ?? String(number);
export const stateName = state => STATES[state] ?? state;

/** The last two names of an id: `nsg-web/allow-http`. What is no id stays as it is. */
export function shortId(id) {
  if (!id.startsWith('/')) return id;
  const names = id.slice(id.toLowerCase().lastIndexOf('/providers/') + 11).split('/').filter((_, i) => i >= 2 && i % 2 === 0);
  return names.slice(-2).join('/');
}

/** The resource that a rule or route belongs to: what has a page of its own. Empty for what is no id. */
export function holderOf(id) {
  const at = id.toLowerCase().lastIndexOf('/providers/');
  if (at < 0) return '';
  return id.slice(0, at) + id.slice(at).split('/').slice(0, 5).join('/');
}

/** Where a rule or route is changed: a page of its own where it has one, else that of what it belongs to. */
export const pageOf = id => (/\/(securityRules|routes)\/[^/]+$/i.test(id) ? id : holderOf(id));

/** One end of a flow as people name it. */
export const endOf = (name, address, port) => (name || address) + (port ? `:${port}` : '');

/** What tells one flow from another at one interface. */
export const flowKey = row => [row.port, row.direction, row.protocol, row.source, row.sourcePort, row.destination, row.destinationPort].join('|');

/**
 * Records `news` (oldest first) put into `flows` (newest first): a flow is one row, in the place where it began; what
 * it carried adds up. At most `most` rows stay. Nothing of `flows` is changed.
 */
export function taken(flows, news, most = MOST_FLOWS) {
  const rows = [...flows];
  const where = new Map();
  rows.forEach((row, i) => { if (!where.has(row.flow)) where.set(row.flow, i); });
  const fresh = [];
  for (const record of news) {
    const flow = flowKey(record);
    const known = fresh.findLast(row => row.flow === flow) ?? rows[where.get(flow)];
    if (!known || known.state === 'E' || known.state === 'D' || record.state === 'B') {
      fresh.push({ ...record, flow, key: `${flow}|${record.time}|${record.state}` });
      continue;
    }
    const sum = { ...known, state: record.state, packets: added(known.packets, record.packets), bytes: added(known.bytes, record.bytes) };
    if (fresh.includes(known)) fresh[fresh.indexOf(known)] = sum;
    else rows[where.get(flow)] = sum;
  }
  return [...fresh.reverse(), ...rows].slice(0, most);
}

const added = (one = [0, 0], other = [0, 0]) => [one[0] + other[0], one[1] + other[1]];

/** Whether a row is one of `verdict` (empty: any) and has each of the words. */
export function wanted(row, words, verdict) {
  if (verdict && row.verdict !== verdict) return false;
  const text = [row.from, row.source, row.sourcePort, row.to, row.destination, row.destinationPort, protocolName(row.protocol), row.machine, row.verdict, row.rule].join(' ').toLowerCase();
  return words.toLowerCase().split(/\s+/).every(word => text.includes(word));
}

/** The map, with this flow asked about; empty for protocols that nobody traces. */
export function traceHash(row) {
  const protocol = { 1: 'icmp', 58: 'icmp', 6: 'tcp', 17: 'udp' }[row.protocol];
  if (!protocol) return '';
  const ends = { from: row.from || row.source, to: row.to || row.destination, protocol };
  return `#/topology?${new URLSearchParams(row.destinationPort ? { ...ends, port: row.destinationPort } : ends)}`;
}

/** Time of day of an instant, to the millisecond. */
export const clock = text => text.slice(11, 23);

/** `1.5 kB` */
export function size(bytes) {
  for (const [unit, word] of [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']]) if (bytes >= unit) return `${(bytes / unit).toFixed(1)} ${word}`;
  return `${bytes} B`;
}

/** Counters with what was added a second since the counters `before`, the busiest first. */
export function rated(now, before, seconds) {
  const known = new Map(before.map(row => [row.origin, row]));
  const rows = now.filter(row => row.origin.startsWith('/')).map(row => {
    const last = known.get(row.origin);
    const rate = last && seconds > 0 && row.packets >= last.packets ? (row.packets - last.packets) / seconds : 0;
    return { ...row, rate };
  });
  return rows.sort((a, b) => b.rate - a.rate || b.packets - a.packets || (a.origin < b.origin ? -1 : 1));
}

/** `12 %`, nothing where nothing was sent. */
export const percent = (part, whole) => (whole ? `${Math.round(100 * part / whole)} %` : '–');
