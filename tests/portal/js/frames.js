// Made-up networks as the topology stream tells of them: a hub, its spokes, balancers, clients; of any size, always the same.
const GROUP = '/subscriptions/s/resourceGroups/shop/providers';

/** {type: 'all', nodes, joints}: `machines` in all over spokes of three subnets with at most `each` machines. */
export function frame({ machines = 90, each = 6, clients = 1, long = false, regions = ['westeurope'] } = {}) {
  const nodes = [{ key: 'internet', kind: 'internet', name: 'Internet', parent: '', details: [], id: '', flags: [], health: '' }];
  const joints = [];
  const add = (kind, key, name, parent, details = [], more = {}) => {
    nodes.push({ key: key.toLowerCase(), kind, name, parent: parent.toLowerCase(), details, id: key, flags: [], health: '', ...more });
    return key.toLowerCase();
  };
  for (let i = 0; i < clients; i++) add('client', `${GROUP}/Lazulite.Lab/clients/client${i}`, `client${i}`, 'internet', [`198.18.0.${i}`]);
  const spokes = Math.ceil(machines / (3 * each));
  const name = text => (long ? `${text}-with-a-name-that-somebody-wrote-out-in-full` : text);
  const hubs = regions.map((region, r) => {
    add('region', `region ${region}`, region, '');
    const hub = add('network', `${GROUP}/Microsoft.Network/virtualNetworks/hub${r}`, name(`vnet-hub${r || ''}`), `region ${region}`, [`10.${100 + r}.0.0/16`]);
    for (const inside of ['AzureFirewallSubnet', 'GatewaySubnet', 'shared']) {
      const subnet = add('subnet', `${hub}/subnets/${inside}`, inside, hub, [`10.${100 + r}.1.0/24`]);
      if (inside !== 'GatewaySubnet') add('machine', `${GROUP}/Microsoft.Network/networkInterfaces/${inside}${r}`, `fw${r}`, subnet, [`10.${100 + r}.1.4`], { health: 'ok' });
    }
    add('gateway', `${hub}/nat`, 'nat', hub, ['198.18.0.99']);
    return hub;
  });
  let made = 0;
  for (let s = 0; s < spokes; s++) {
    const hub = hubs[s % hubs.length];
    const net = add('network', `${GROUP}/Microsoft.Network/virtualNetworks/spoke${s}`, name(`vnet-spoke${s + 1}`), `region ${regions[s % regions.length]}`, [`10.${s + 1}.0.0/16`]);
    joints.push({ kind: 'peering', from: hub, to: net, whole: s % 7 !== 3 });
    ['web', 'app', 'db'].forEach((tier, t) => {
      const subnet = add('subnet', `${net}/subnets/${tier}`, name(tier), net, [`10.${s + 1}.${t}.0/24`, `nsg-${tier}`, ...(t ? [] : ['rt-spoke'])]);
      const balancer = t === 0 && add('balancer', `${net}/lb/front`, name(`lb${s + 1}/front`), subnet, [`10.${s + 1}.0.250`]);
      for (let i = 0; i < each && made < machines; i++, made++) {
        const address = long ? `fd00:db8:${s}:1234:5678:9abc:${t}:${i}` : `10.${s + 1}.${t}.${4 + i}`;
        const vm = add('machine', `${GROUP}/Microsoft.Network/networkInterfaces/vm${made}-nic`, name(`vm${String(made).padStart(3, '0')}`), subnet, [address],
          { id: `${GROUP}/Microsoft.Compute/virtualMachines/vm${made}`, health: made % 19 === 7 ? 'degraded' : made % 31 === 11 ? 'down' : 'ok' });
        if (balancer && i < 4) joints.push({ kind: 'serves', from: balancer, to: vm, whole: true });
      }
    });
  }
  return { type: 'all', lab: 'made up', revision: { stored: 1, applied: 1 }, nodes, joints };
}

/** The same list in another order that depends on `seed` alone. */
export function shuffled(list, seed = 1) {
  const copy = [...list];
  let state = seed;
  for (let i = copy.length - 1; i > 0; i--) {
    state = (state * 48271) % 2147483647;
    const j = state % (i + 1);
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}
