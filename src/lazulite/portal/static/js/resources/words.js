// What people call types and properties. Pure.

const WORDS = {
  dns: 'DNS',
  dnszones: 'DNS zones',
  ip: 'IP',
  nat: 'NAT',
  vpn: 'VPN',
  nic: 'NIC',
  ttl: 'TTL',
  ipv4: 'IPv4',
  ipv6: 'IPv6',
  os: 'OS',
  vm: 'VM',
  bgp: 'BGP',
  tcp: 'TCP',
  tap: 'TAP',
  udp: 'UDP',
  id: 'id',
  fqdn: 'FQDN',
};

/** `virtualNetworks` as `Virtual networks`, `publicIPAddresses` as `Public IP addresses`. */
export function spoken(name) {
  const parts = name.replace(/IPv([46])/g, 'Ipv$1').split(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[-_]/);
  const words = parts.map(
    part => WORDS[part.toLowerCase()] ?? (/^[A-Z]{2,}s?$/.test(part) ? part : part.toLowerCase()),
  );
  const text = words.join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Title of a type, plural: `Microsoft.Network/virtualNetworks` as `Virtual networks`. */
export const titleOf = type => spoken(type.split('/').at(-1) || type);

/** One of that type: `Virtual network`. */
export function oneOf(type) {
  const title = titleOf(type);
  if (/^[A-Z]{1,5}$/.test(type.split('/').at(-1))) return `${title} record set`;
  if (/(access|address)es$/.test(title)) return title.slice(0, -2);
  if (title.endsWith('ies')) return `${title.slice(0, -3)}y`;
  return title.endsWith('s') && !title.endsWith('ss') ? title.slice(0, -1) : title;
}

/** In the middle of a sentence: `security rule`, `A record`. */
export const within = title => (/^[A-Z][a-z]/.test(title) ? title.charAt(0).toLowerCase() + title.slice(1) : title);

/** Names of a child in a resource id, from the resource down: `nsg-web / allow-http`. */
export const nameOf = id => id.split('/').at(-1);

/** What refers and what is referred to, without the long beginning: `virtualNetworks/hub/subnets/a`. */
export const shortId = id => id.replace(/^.*\/providers\/[^/]+\//i, '').replace(/^\/subscriptions\/[^/]+\//i, '');

/** The resource that an id of one or of a child belongs to. */
export function ownerOf(id) {
  const found = /^(.*\/providers\/[^/]+\/[^/]+\/[^/]+)/i.exec(id);
  return found ? found[1] : id;
}

/** Two ids are one: they compare without case. */
export const sameId = (one, other) => String(one).toLowerCase() === String(other).toLowerCase();

/** Every id below `value`, each with its path: `[{path, id}]`; its own is left out. */
export function idsIn(value, path = '') {
  if (Array.isArray(value)) return value.flatMap((item, at) => idsIn(item, `${path}[${at}]`));
  if (value === null || typeof value !== 'object') return [];
  const own =
    path && typeof value.id === 'string' && value.name === undefined && value.id.startsWith('/subscriptions/')
      ? [{ path, id: value.id }]
      : [];
  return own.concat(Object.entries(value).flatMap(([name, item]) => idsIn(item, path ? `${path}.${name}` : name)));
}

/** A value on one line, as a table shows it. */
export function brief(value) {
  if (value === undefined || value === null || value === '') return '';
  if (Array.isArray(value)) return value.map(brief).filter(Boolean).join(', ');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'object') return String(value);
  return value.id ? nameOf(value.id) : (value.name ?? JSON.stringify(value));
}

/** The kind of tag that a provisioning or power state is shown as. */
export function stateKind(state) {
  if (/fail|refus|cancel/i.test(state)) return 'bad';
  if (/succeed|running|enabled|connected$/i.test(state)) return 'good';
  return /updat|creat|delet|accept|progress|start/i.test(state) ? 'info' : 'plain';
}
