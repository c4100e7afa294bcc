// Reads what the lab records: pcapng (draft-ietf-opsawg-pcapng) of Ethernet, little endian, one section. Pure.

const INTERFACE = 1;
const ENHANCED = 6;
const words = new TextDecoder();
const FLAGS = [[0x02, 'SYN'], [0x01, 'FIN'], [0x04, 'RST'], [0x08, 'PSH'], [0x10, 'ACK']];

/** At most `most` packets of a file, as {time, at, from, to, what, length, comment}; a block that is cut off ends it. */
export function packetsOf(file, most) {
  const [interfaces, found] = [[], []];
  for (let at = 0; at + 12 <= file.byteLength && found.length < most;) {
    const [kind, length] = [file.getUint32(at, true), file.getUint32(at + 4, true)];
    if (length < 12 || at + length > file.byteLength) break;
    if (kind === INTERFACE) interfaces.push(interfaceOf(file, at, length));
    if (kind === ENHANCED) found.push(packetOf(file, at, length, interfaces));
    at += length;
  }
  return found;
}

/** Options by their number, the last of each. */
function options(file, at, end) {
  const found = new Map();
  for (let next = at; next + 4 <= end;) {
    const [code, length] = [file.getUint16(next, true), file.getUint16(next + 2, true)];
    if (code === 0) break;
    found.set(code, new Uint8Array(file.buffer, file.byteOffset + next + 4, Math.min(length, end - next - 4)));
    next += 4 + length + (-length & 3);
  }
  return found;
}

function interfaceOf(file, at, length) {
  const found = options(file, at + 16, at + length - 4);
  const resolution = found.get(9)?.[0] ?? 6;
  return { name: words.decode(found.get(2) ?? new Uint8Array()), unit: resolution & 0x80 ? 2 ** -(resolution & 0x7f) : 10 ** -resolution };
}

function packetOf(file, at, length, interfaces) {
  const where = interfaces[file.getUint32(at + 8, true)] ?? { name: '', unit: 1e-6 };
  const time = (file.getUint32(at + 12, true) * 2 ** 32 + file.getUint32(at + 16, true)) * where.unit;
  const [kept, whole] = [file.getUint32(at + 20, true), file.getUint32(at + 24, true)];
  const data = new DataView(file.buffer, file.byteOffset + at + 28, Math.min(kept, length - 32));
  const comment = options(file, at + 28 + kept + (-kept & 3), at + length - 4).get(1);
  return { time, at: where.name, length: whole, comment: comment ? words.decode(comment) : '', ...told(data) };
}

/** Who sent a frame to whom, and what it is. */
export function told(data) {
  try {
    const kind = data.getUint16(12);
    if (kind === 0x0800) return ip(data, 14, 4);
    if (kind === 0x86dd) return ip(data, 14, 6);
    return { from: '', to: '', what: kind === 0x0806 ? 'ARP' : `Ethernet 0x${kind.toString(16).padStart(4, '0')}` };
  } catch (error) {
    if (error instanceof RangeError) return { from: '', to: '', what: 'cut short' };
    throw error;
  }
}

function ip(data, at, version) {
  const four = version === 4;
  const [source, target] = four ? [at + 12, at + 16] : [at + 8, at + 24];
  const name = four ? ipv4 : ipv6;
  const protocol = data.getUint8(four ? at + 9 : at + 6);
  const next = at + (four ? (data.getUint8(at) & 15) * 4 : 40);
  const [from, to] = [name(data, source), name(data, target)];
  if (protocol !== 6 && protocol !== 17) return { from, to, what: { 1: icmp(data, next, 8, 0), 58: icmp(data, next, 128, 129), 50: 'ESP', 51: 'AH' }[protocol] ?? `protocol ${protocol}` };
  const ends = { from: `${from}:${data.getUint16(next)}`, to: `${to}:${data.getUint16(next + 2)}` };
  if (protocol === 17) return { ...ends, what: 'UDP' };
  const flags = data.getUint8(next + 13);
  return { ...ends, what: `TCP ${FLAGS.filter(([bit]) => flags & bit).map(([, word]) => word).join(' ')}` };
}

function icmp(data, at, request, reply) {
  const kind = at < data.byteLength ? data.getUint8(at) : -1;
  return kind === request ? 'ICMP echo request' : kind === reply ? 'ICMP echo reply' : `ICMP type ${kind}`;
}

const ipv4 = (data, at) => [0, 1, 2, 3].map(i => data.getUint8(at + i)).join('.');
const ipv6 = (data, at) => [0, 2, 4, 6, 8, 10, 12, 14].map(i => data.getUint16(at + i).toString(16)).join(':').replace(/\b(0(:0)+)\b/, ':').replace(/:{3,}/, '::');
