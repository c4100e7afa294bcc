// What is said of a box: its kind, its name for those who cannot see it, its rates, its health and the grounds for it.
const KINDS = {
  internet: 'Internet', client: 'client on the Internet', region: 'region', network: 'virtual network', subnet: 'subnet',
  machine: 'machine', balancer: 'load balancer', gateway: 'gateway', site: 'site',
};
export const kindOf = node => KINDS[node.kind] ?? node.kind;

/** What a box is called by those who cannot see it: `web1, machine, 10.0.0.4, ok`. */
export const called = node => [node.name, kindOf(node) !== node.name && kindOf(node), node.details[0], node.health || (node.flags.includes('stopped') ? 'stopped' : '')]
  .filter(Boolean).join(', ');

const PARTS = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
/** Bytes a second in four characters at most. */
export function brief(bytes) {
  const [by, unit] = PARTS.find(([least]) => bytes >= least) ?? [1, ''];
  const value = bytes / by;
  return `${value < 9.95 && by > 1 ? value.toFixed(1) : Math.round(value)}${unit}`;
}

/** The second line of a chip: what passes if that is wished and something does, else its address. */
export function subtitle(node, layers) {
  if (layers.rates && (node.out || node.in)) return `↑${brief(node.out)} ↓${brief(node.in)}`;
  return layers.addresses ? node.details[0] ?? '' : '';
}

/** How many of the machines are well: `48 machines, 2 degraded`. */
export function told(machines) {
  const count = name => machines.filter(n => n.health === name).length;
  const ill = ['down', 'degraded', 'stopped'].map(name => [count(name), name]).filter(([n]) => n).map(([n, name]) => `${n} ${name}`);
  return [`${machines.length} ${machines.length === 1 ? 'machine' : 'machines'}`, ...ill].join(', ');
}

/** What the joints and the flags of a node that is `degraded` or `down` say of it, in sentences. */
export function grounds(node, nodes, joints) {
  const found = [];
  if (node.flags.includes('fault')) found.push('A fault was put on the wire of its interface.');
  const served = joints.filter(j => j.kind === 'serves' && j.from === node.key).map(j => nodes.get(j.to)).filter(Boolean);
  const ill = served.filter(n => n.health !== 'ok').length;
  if (served.length) found.push(`${ill} of its ${served.length} backends ${ill === 1 ? 'is' : 'are'} not well.`);
  else if (node.kind === 'balancer') found.push('There is no machine behind it.');
  const probes = joints.filter(j => j.kind === 'serves' && j.to === node.key).map(j => nodes.get(j.from)?.name).filter(Boolean);
  if (probes.length && !node.flags.includes('fault')) found.push(`Probes of ${[...new Set(probes)].join(', ')} fail at it.`);
  return found;
}
