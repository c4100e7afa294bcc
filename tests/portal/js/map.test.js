import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame } from './frames.js';
import { way } from '../../../src/lazulite/portal/static/js/map/alleys.js';
import { around, drawn, folds, level, meets, panned, pinched, swell, zoomed } from '../../../src/lazulite/portal/static/js/map/camera.js';
import { brief, called, grounds, subtitle, told } from '../../../src/lazulite/portal/static/js/map/captions.js';
import { layout } from '../../../src/lazulite/portal/static/js/map/layout.js';
import { rounded } from '../../../src/lazulite/portal/static/js/map/lines.js';
import { best, matches } from '../../../src/lazulite/portal/static/js/map/search.js';
import { endOf, nodeOf } from '../../../src/lazulite/portal/static/js/map/tree.js';
import { beyond, reachable } from '../../../src/lazulite/portal/static/js/map/walking.js';
import { stops, trail } from '../../../src/lazulite/portal/static/js/map/waypoints.js';
import { decision, editable, flowText, ruleText, short, stageName, telling } from '../../../src/lazulite/portal/static/js/map/words.js';

const lab = frame({ machines: 90 });
const nodes = new Map(lab.nodes.map(n => [n.key, n]));
const map = layout(lab.nodes, lab.joints);
const key = name => lab.nodes.find(n => n.name === name).key;
const RULE = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/nsg-db/securityRules/deny-all';
const step = (stage, action, origin = '', more = {}) => ({ stage, action, origin, detail: '', disposition: null, route: null, ...more });
const hop = (port, vrf, ...steps) => ({ label: vrf, vrf, port, src: '10.0.0.4', dst: '10.0.0.5', steps });

// camera

test('two fingers spread, and turn aside, with what lay between them', () => {
  const before = { x: 40, y: -20, k: 0.8 };
  const [one, moved, other] = [{ x: 100, y: 100 }, { x: 60, y: 20 }, { x: 300, y: 200 }];
  const under = (view, p) => ({ x: view.x + p.x / view.k, y: view.y + p.y / view.k });
  const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const after = pinched(before, one, moved, other, 0.1);
  assert.ok(Math.abs(after.k / before.k - Math.hypot(240, 180) / Math.hypot(200, 100)) < 1e-9);
  const [was, is] = [under(before, middle(one, other)), under(after, middle(moved, other))];
  assert.ok(Math.hypot(was.x - is.x, was.y - is.y) < 1e-9);
  assert.equal(pinched(before, one, one, other, 0.1).k, before.k);
});

test('the point under the pointer stays where it is while the map is zoomed', () => {
  const before = { x: 10, y: 20, k: 0.5 };
  const after = zoomed(before, 1.7, 300, 120, 0.1);
  assert.ok(Math.abs(before.x + 300 / before.k - (after.x + 300 / after.k)) < 1e-9);
  assert.ok(Math.abs(before.y + 120 / before.k - (after.y + 120 / after.k)) < 1e-9);
});

test('zooming ends at both ends', () => {
  assert.equal(zoomed({ x: 0, y: 0, k: 1 }, 1000, 0, 0, 0.1).k, 3);
  assert.equal(zoomed({ x: 0, y: 0, k: 1 }, 0.0001, 0, 0, 0.1).k, 0.1);
});

test('a box that is shown whole is inside the window, above the legend', () => {
  const view = around({ x: 100, y: 50, w: 4000, h: 900 }, { w: 800, h: 600 });
  const seen = drawn(view, { w: 800, h: 600 }, 0);
  assert.ok(seen.x < 100 && seen.x + seen.w > 4100 && seen.y < 50 && seen.y + seen.h - 54 / view.k >= 950);
});

test('what meets the window is drawn, and what is far from it is not', () => {
  const seen = drawn(panned({ x: 0, y: 0, k: 1 }, -500, 0), { w: 100, h: 100 });
  assert.ok(meets({ x: 560, y: 10, w: 10, h: 10 }, seen));
  assert.ok(!meets({ x: 10, y: 10, w: 10, h: 10 }, seen));
});

test('levels go from dots to names to second lines, and headings swell no more than there is room', () => {
  assert.deepEqual([0.2, 0.6, 1].map(level), ['far', 'mid', 'near']);
  assert.deepEqual([0.5, 0.7].map(folds), [true, false]);
  assert.equal(swell(0.1, 3), 3);
  assert.equal(swell(1, 3), 1);
});

// walking

test('the walk goes through everything in reading order, and over tiles as one', () => {
  assert.deepEqual(reachable(map, 0.2), map.order);
  const giant = frame({ machines: 2000, each: 2000 });
  const big = layout(giant.nodes, giant.joints);
  assert.ok(reachable(big, 0.2).length < 20);
  assert.equal(reachable(big, 1).length, giant.nodes.length - 1);
});

test('down leads to a box that is lower, and stays at the last', () => {
  const [hub, below] = [key('vnet-hub'), beyond(map, map.order, key('vnet-hub'), 1)];
  assert.equal(map.boxes.get(below).kind, 'network');
  assert.ok(map.boxes.get(below).y > map.boxes.get(hub).y);
  assert.equal(beyond(map, map.order, beyond(map, map.order, hub, -1), -1), beyond(map, map.order, hub, -1));
});

// ends

test('an end is called by its name, with its group where others share the name, and a frontend by its address', () => {
  const twin = { ...nodes.get(key('vm001')), key: 'twin', id: '/subscriptions/s/resourceGroups/other/providers/Microsoft.Compute/virtualMachines/vm1' };
  assert.equal(endOf(nodes.get(key('vm001')), lab.nodes), 'vm001');
  assert.equal(endOf(twin, [...lab.nodes, twin]), 'other/vm001');
  assert.equal(endOf(nodes.get(key('lb1/front')), lab.nodes), '10.1.0.250');
  assert.equal(endOf(nodes.get(key('vnet-hub')), lab.nodes), '');
  assert.equal(nodeOf('other/vm001', [twin]), twin);
  assert.equal(nodeOf('10.1.0.250', lab.nodes).name, 'lb1/front');
  assert.equal(nodeOf('vm001', lab.nodes).key, key('vm001'));
});

test('the second interface of a machine is the same end', () => {
  assert.equal(endOf({ ...nodes.get(key('vm001')), name: 'vm001 (eth1)' }, lab.nodes), 'vm001');
});

// the way of a packet

const between = (from, to, ...middle) => ({ hops: [hop(from, 'a', step('route', 'routed')), ...middle, hop(to, 'b', step('flow-table-in', 'new flow'))], disposition: 'delivered', destination: to });

test('a way passes the networks and the appliance that its hops name', () => {
  const trace = between(key('vm001'), key('vm020'), hop('', 'vnet-hub', step('peering-filter', 'passes')), hop(key('fw0'), 'vnet-hub'), hop('', 'vnet-spoke2'));
  assert.deepEqual(stops(trace, map, nodes), [key('vm001'), key('vnet-hub'), key('fw0'), key('vnet-spoke2'), key('vm020')]);
  assert.deepEqual(trail(stops(trace, map, nodes), map, nodes).marks, [key('vm001'), key('fw0'), key('vm020')]);
});

test('a balancer that a step names is a stop, and so is the Internet', () => {
  const trace = between(key('client0'), key('vm001'), hop('', 'vnet-spoke1', step('frontend', 'passes', key('lb1/front'))));
  assert.deepEqual(stops(trace, map, nodes), [key('client0'), key('lb1/front'), key('vm001')]);
  const out = { hops: [hop(key('vm001'), 'a', step('route', 'routed'))], disposition: 'exits network', destination: '' };
  assert.deepEqual(stops(out, map, nodes), [key('vm001'), 'internet']);
});

test('a packet that is lost on the way ends where its last hop is', () => {
  const trace = { hops: [hop(key('vm001'), 'a', step('route', 'routed')), hop('', 'vnet-hub', step('peering-filter', 'dropped'))], disposition: 'peering refused', destination: '' };
  const { end } = trail(stops(trace, map, nodes), map, nodes);
  const hub = map.boxes.get(key('vnet-hub'));
  assert.ok(Math.abs(end.y - (hub.y + hub.h)) < 1, JSON.stringify(end));
  const alone = { hops: [hop(key('vm001'), 'a', step('nic-access-list-out', 'denied'))], disposition: 'denied out', destination: '' };
  assert.equal(trail(stops(alone, map, nodes), map, nodes).d, '');
});

test('ways cross no chip but those they join', () => {
  const machines = lab.nodes.filter(n => n.kind === 'machine');
  for (const from of machines.filter((_, i) => i % 11 === 0)) {
    for (const to of machines.filter((_, i) => i % 7 === 3)) {
      if (from === to) continue;
      const nets = [from, to].map(n => nodes.get(n.parent).parent);
      if (nets[0] !== nets[1] && !nets.includes(key('vnet-hub'))) continue;
      const line = map.lines.filter(l => nets.includes(l.from) && nets.includes(l.to) && nets[0] !== nets[1]).map(l => (l.from === nets[0] ? l.points : l.points.toReversed()));
      const points = way(from.key, to.key, line, map, nodes);
      for (const other of machines.filter(n => n !== from && n !== to)) assert.ok(!crossed(points, map.boxes.get(other.key)), `${from.name} to ${to.name} crosses ${other.name}`);
    }
  }
});

function crossed(points, box) {
  return points.slice(1).some((b, i) => {
    const a = points[i];
    const [x, y, w, h] = [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y)];
    return x < box.x + box.w - 1 && x + w > box.x + 1 && y < box.y + box.h - 1 && y + h > box.y + 1;
  });
}

test('corners are rounded and straight lines are straight', () => {
  assert.equal(rounded([{ x: 0, y: 0 }, { x: 0, y: 50 }]), 'M0 0L0 50');
  assert.equal(rounded([{ x: 0, y: 0 }, { x: 0, y: 50 }, { x: 50, y: 50 }]), 'M0 0L0 40Q0 50 10 50L50 50');
});

// words

test('an origin is told as people know it, and leads to where it can be changed', () => {
  assert.equal(short(RULE), 'nsg-db/deny-all');
  assert.equal(short('system route'), 'system route');
  assert.equal(editable(RULE), RULE);
  assert.equal(editable(RULE.replace('securityRules/deny-all', 'defaultSecurityRules/DenyAllInBound')), RULE.slice(0, RULE.indexOf('/securityRules')));
  assert.equal(editable('system route'), '');
  assert.equal(decision(step('nic-access-list-in', 'denied', RULE)), 'nsg-db/deny-all');
  assert.equal(decision(null), 'Nothing had a say.');
});

test('a rule is a sentence', () => {
  const properties = { access: 'Deny', protocol: 'Tcp', direction: 'Inbound', priority: 300, sourceAddressPrefix: '10.0.0.0/8', sourceAddressPrefixes: [],
    destinationAddressPrefix: '*', destinationAddressPrefixes: [], destinationPortRange: '443', destinationPortRanges: [] };
  assert.equal(ruleText({ properties }), 'Deny TCP from 10.0.0.0/8 to any, port 443 · inbound · priority 300');
  assert.equal(ruleText({ properties: { ...properties, protocol: '*', destinationPortRange: '*' } }), 'Deny anything from 10.0.0.0/8 to any, any port · inbound · priority 300');
});

test('a flow is told with its port if it has one', () => {
  assert.equal(flowText({ protocol: 'tcp', src: '10.0.0.4', dst: '10.0.0.5', dst_port: 443 }), 'tcp 10.0.0.4 → 10.0.0.5:443');
  assert.equal(flowText({ protocol: 'icmp', src: '10.0.0.4', dst: '10.0.0.5', dst_port: 0 }), 'icmp 10.0.0.4 → 10.0.0.5');
  assert.equal(flowText({ protocol: 'udp', src: 'fd00::4', dst: 'fd00::5', dst_port: 53 }), 'udp fd00::4 → [fd00::5]:53');
});

test('stages that let pass without a word are left out, the last one never', () => {
  const trace = { hops: [hop('', 'a', step('flow-table-out', 'new flow'), step('route', 'routed', RULE)), hop('', 'b', step('flow-table-in', 'new flow'), step('flow-table-in', 'passes'))] };
  assert.deepEqual(telling(trace, false).map(h => h.steps.length), [1, 1]);
  assert.deepEqual(telling(trace, true).map(h => h.steps.length), [2, 2]);
  assert.equal(stageName('subnet-access-list-in'), 'Subnet’s security group, inbound');
  assert.equal(stageName('some-new-stage'), 'some new stage');
});

// what is said of a box

const vm = { name: 'web1', kind: 'machine', details: ['10.0.0.4'], flags: [], health: 'ok', out: 0, in: 0, key: 'k', id: '' };

test('a box is called by its name, its kind, its address and its health', () => {
  assert.equal(called(vm), 'web1, machine, 10.0.0.4, ok');
  assert.equal(called({ ...vm, health: '', flags: ['stopped'] }), 'web1, machine, 10.0.0.4, stopped');
  assert.equal(called({ ...vm, name: 'Internet', kind: 'internet', details: [], health: '' }), 'Internet');
});

test('rates are told in four characters', () => {
  assert.deepEqual([0, 7, 999, 1000, 9949, 12345, 3.1e6, 2.5e9].map(brief), ['0', '7', '999', '1.0k', '9.9k', '12k', '3.1M', '2.5G']);
});

test('the second line of a chip is its rates while something passes, else its address, as the layers say', () => {
  const layers = { rates: true, addresses: true };
  assert.equal(subtitle({ ...vm, out: 1500, in: 10 }, layers), '↑1.5k ↓10');
  assert.equal(subtitle(vm, layers), '10.0.0.4');
  assert.equal(subtitle({ ...vm, out: 1500 }, { rates: false, addresses: true }), '10.0.0.4');
  assert.equal(subtitle(vm, { rates: true, addresses: false }), '');
});

test('a subnet is told by how many machines it has and how many are ill', () => {
  assert.equal(told([vm]), '1 machine');
  assert.equal(told([vm, { ...vm, health: 'down' }, { ...vm, health: 'degraded' }, { ...vm, health: 'stopped' }]), '4 machines, 1 down, 1 degraded, 1 stopped');
});

test('a balancer is ill for its backends, and a backend for its probes or its fault', () => {
  const front = { ...vm, key: 'f', name: 'lb/front', kind: 'balancer', health: 'degraded' };
  const ill = { ...vm, health: 'down' };
  const both = new Map([['k', ill], ['f', front]]);
  const serves = [{ kind: 'serves', from: 'f', to: 'k', whole: true }];
  assert.deepEqual(grounds(front, both, serves), ['1 of its 1 backends is not well.']);
  assert.deepEqual(grounds(front, both, []), ['There is no machine behind it.']);
  assert.deepEqual(grounds(ill, both, serves), ['Probes of lb/front fail at it.']);
  assert.deepEqual(grounds({ ...ill, flags: ['fault'] }, both, serves), ['A fault was put on the wire of its interface.']);
});

// search

test('a search wants every word, and finds nothing for no words', () => {
  assert.equal(matches('  ', nodes), null);
  assert.deepEqual([...matches('vm00 machine', nodes)].length, 10);
  assert.deepEqual([...matches('10.1.0.250', nodes)], [key('lb1/front')]);
  assert.equal(matches('nobody', nodes).size, 0);
});

test('the best of what is found is the one that is named so, then a machine that begins so', () => {
  const found = words => best(words, matches(words, nodes), nodes, map.order)?.name;
  assert.equal(found('vnet-hub'), 'vnet-hub');
  assert.equal(found('VM01'), 'vm010');
  assert.equal(found('10.1.0.4'), 'vm000');
  assert.equal(found('nobody'), undefined);
});
