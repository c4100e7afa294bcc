// A trace in words: what its stages are called, which of them say something, and what a rule or a route says.
const STAGES = {
  'fault-out': 'Fault on the wire, sending', 'tap-out': 'Mirror of what is sent', 'source-address-check': 'Source address check',
  'fragment-check-out': 'Fragments, sending', 'flow-table-out': 'Flow table, sending', 'nic-access-list-out': 'Interface’s security group, outbound',
  'subnet-access-list-out': 'Subnet’s security group, outbound', 'platform-resolver': 'Azure’s resolver', route: 'Route',
  'appliance-steering': 'Next hop', 'peering-filter': 'Peering', 'nat-gateway-snat': 'NAT gateway', 'public-address-snat': 'Public address, outbound',
  'load-balancer-outbound-snat': 'Load balancer, outbound', 'default-outbound-snat': 'Default outbound access', 'appliance-detour': 'Appliance on the way',
  'public-address-dnat': 'Public address, inbound', 'cross-region': 'Cross-region balancer', internet: 'Internet', frontend: 'Frontend',
  'inbound-nat': 'Inbound NAT rule', 'load-balancer': 'Load balancer', 'next-hop-balancing': 'Load balancer as next hop',
  'destination-address-check': 'Destination address check', 'fragment-check-in': 'Fragments, receiving', 'flow-table-in': 'Flow table, receiving',
  'subnet-access-list-in': 'Subnet’s security group, inbound', 'nic-access-list-in': 'Interface’s security group, inbound',
  'tap-in': 'Mirror of what arrives', 'fault-in': 'Fault on the wire, receiving',
};
const QUIET = new Set(['fragment-check-out', 'fragment-check-in', 'flow-table-out', 'flow-table-in', 'source-address-check', 'destination-address-check']);
const KINDS = { denied: 'bad', dropped: 'bad', allowed: 'good', routed: 'info', translated: 'info', copied: 'warn' };

export const stageName = stage => STAGES[stage] ?? stage.replaceAll('-', ' ');
/** The colour of what a stage did. */
export const tone = action => KINDS[action] ?? 'plain';

/** The last two names of an id, as people know a rule or a route: `nsg-web/allow-http`. */
export function short(origin) {
  if (!origin.startsWith('/subscriptions/')) return origin;
  const names = origin.slice(origin.lastIndexOf('/providers/') + 11).split('/').slice(2).filter((_, i) => i % 2 === 0);
  return names.slice(-2).join('/');
}

export const isRule = origin => /\/(defaultS|s)ecurityRules\//i.test(origin);
/** Where what an origin names can be changed: a rule of Azure's own has no page but its group's. */
export const editable = origin => (origin.startsWith('/subscriptions/') ? origin.replace(/\/defaultSecurityRules\/.*$/i, '') : '');

/** Hops with the steps worth telling: those that let pass without a word of the user's are left out unless `all`. */
export function telling(way, all) {
  const last = way.hops.at(-1)?.steps.at(-1);
  const speaks = step => all || step === last || !QUIET.has(step.stage) || tone(step.action) === 'bad';
  return way.hops.map(hop => ({ ...hop, steps: hop.steps.filter(speaks) })).filter(hop => hop.steps.length);
}

/** `tcp 10.0.0.4 → 10.1.0.5:443`. */
export function flowText(flow) {
  const ported = flow.protocol === 'tcp' || flow.protocol === 'udp';
  return `${flow.protocol} ${flow.src} → ${flow.dst.includes(':') && ported ? `[${flow.dst}]` : flow.dst}${ported ? `:${flow.dst_port}` : ''}`;
}

/** Who decided, in one line. */
export function decision(decided) {
  if (!decided) return 'Nothing had a say.';
  return decided.origin ? short(decided.origin) : decided.detail || stageName(decided.stage);
}

const either = (one, many) => (many?.length ? many.join(', ') : one ?? '*');
const anything = text => (text === '*' || text === '0.0.0.0/0' ? 'any' : text);

/** A security rule as people read it: `Deny TCP from 10.0.0.0/8 to any, port 443 · priority 300`. */
export function ruleText({ properties: p }) {
  const [from, to] = [either(p.sourceAddressPrefix, p.sourceAddressPrefixes), either(p.destinationAddressPrefix, p.destinationAddressPrefixes)];
  const groups = side => (p[side] ?? []).map(ref => ref.id.split('/').at(-1)).join(', ');
  const port = anything(either(p.destinationPortRange, p.destinationPortRanges));
  const what = p.protocol === '*' ? 'anything' : p.protocol.toUpperCase();
  const ports = port === 'any' ? 'any port' : `port ${port}`;
  return `${p.access} ${what} from ${groups('sourceApplicationSecurityGroups') || anything(from)} to `
    + `${groups('destinationApplicationSecurityGroups') || anything(to)}, ${ports} · ${p.direction.toLowerCase()} · priority ${p.priority}`;
}

/** A route as people read it: `10.0.0.0/8 → VirtualAppliance 10.0.1.4`. */
export const routeText = route => `${route.prefix} → ${route.next_hop}${route.via ? ` ${route.via}` : ''} (${route.source.toLowerCase()})`;
