import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, shuffled } from './frames.js';
import { layout } from '../../../src/lazulite/portal/static/js/map/layout.js';
import { prefixes, SIZE } from '../../../src/lazulite/portal/static/js/map/network.js';
import { grouped } from '../../../src/lazulite/portal/static/js/map/tree.js';
import { elide, line, width } from '../../../src/lazulite/portal/static/js/map/text.js';

const WITHIN = 0.01;
const giant = frame({ machines: 2000, each: 2000 });
const LABS = {
  'an empty lab': { nodes: [], joints: [] },
  'a lab without machines': frame({ machines: 0 }),
  'one machine': frame({ machines: 1 }),
  'ninety machines': frame(),
  'many clients': frame({ clients: 130 }),
  'two regions': frame({ regions: ['westeurope', 'northeurope'] }),
  'long names and IPv6': frame({ long: true }),
  'one giant subnet': giant,
  'five hundred machines': frame({ machines: 500, each: 10 }),
  'two thousand machines': frame({ machines: 2000, each: 50 }),
};

const inside = (a, b) => a.x >= b.x - WITHIN && a.y >= b.y - WITHIN && a.x + a.w <= b.x + b.w + WITHIN && a.y + a.h <= b.y + b.h + WITHIN;
const apart = (a, b) => a.x + a.w <= b.x + WITHIN || b.x + b.w <= a.x + WITHIN || a.y + a.h <= b.y + WITHIN || b.y + b.h <= a.y + WITHIN;

for (const [what, { nodes, joints }] of Object.entries(LABS)) {
  const map = layout(nodes, joints);

  test(`every node of ${what} has a box on the map`, () => {
    assert.deepEqual([...map.boxes.keys()].sort(), nodes.map(n => n.key).sort());
    for (const box of map.boxes.values()) assert.ok(inside(box, { x: 0, y: 0, w: map.w, h: map.h }), JSON.stringify(box));
  });

  test(`boxes of ${what} are inside their parents, below the heading`, () => {
    for (const node of nodes.filter(n => n.parent)) {
      const [box, parent] = [map.boxes.get(node.key), map.boxes.get(node.parent)];
      assert.ok(inside(box, parent), `${node.key} sticks out of ${node.parent}`);
      assert.ok(box.y >= parent.y + parent.head - WITHIN, `${node.key} covers the heading of ${node.parent}`);
    }
  });

  test(`siblings of ${what} do not overlap`, () => {
    for (const [parent, children] of grouped(nodes, n => n.parent)) {
      if (children.length > 300) continue; // chips of a giant subnet: the next test has them
      children.forEach((one, i) => children.slice(i + 1).forEach(other => {
        assert.ok(apart(map.boxes.get(one.key), map.boxes.get(other.key)), `${one.key} and ${other.key} in ${parent}`);
      }));
    }
  });

  test(`the order in which ${what} is told does not matter`, () => {
    assert.deepEqual(layout(shuffled(nodes, 7), shuffled(joints, 3)), map);
    assert.deepEqual(layout(nodes, joints), map);
  });

  test(`headings of ${what} have room for the name and the prefix`, () => {
    for (const node of nodes.filter(n => n.kind === 'network' || n.kind === 'subnet')) {
      const size = SIZE[node.kind];
      const room = map.boxes.get(node.key).w - 24;
      const said = line(node.name, prefixes(node), room, size, SIZE.note);
      const needed = width(said.name, size, true) + (said.note ? width(said.note, SIZE.note) : 0);
      assert.ok(needed <= room, `${node.key}: ${needed} of ${room}`);
      if (node.name.length < 20) assert.deepEqual(said, { name: node.name, note: prefixes(node) });
    }
  });
}

test('no two chips of a giant subnet share a place', () => {
  const map = layout(giant.nodes, giant.joints);
  const places = giant.nodes.filter(n => n.kind === 'machine').map(n => map.boxes.get(n.key)).map(b => `${b.x} ${b.y}`);
  assert.equal(new Set(places).size, places.length);
});

test('a hub is above its spokes and as wide as a row of them', () => {
  const { nodes, joints } = LABS['ninety machines'];
  const map = layout(nodes, joints);
  const of = name => map.boxes.get(nodes.find(n => n.name === name).key);
  const [hub, first] = [of('vnet-hub'), of('vnet-spoke1')];
  assert.ok(hub.y + hub.h < first.y);
  assert.ok(hub.w > 2 * first.w);
});

test('subnets are tiles where there are many machines in all, or in one of them', () => {
  assert.equal(layout(LABS['ninety machines'].nodes, []).collapsed.size, 0);
  assert.equal(layout(giant.nodes, []).collapsed.size, 1);
  const few = frame({ machines: 100, each: 61 });
  const tiles = [...layout(few.nodes, []).collapsed];
  assert.deepEqual(tiles.map(key => key.split('/').at(-1)), ['web']);
});

test('peerings end at the borders of their networks and never start inside them', () => {
  const { nodes, joints } = LABS['two regions'];
  const map = layout(nodes, joints);
  const border = (p, b) => Math.min(Math.abs(p.x - b.x), Math.abs(p.x - b.x - b.w), Math.abs(p.y - b.y), Math.abs(p.y - b.y - b.h)) < WITHIN;
  for (const joint of map.lines.filter(l => l.kind === 'peering')) {
    assert.ok(border(joint.points[0], map.boxes.get(joint.from)));
    assert.ok(border(joint.points.at(-1), map.boxes.get(joint.to)));
  }
});

test('a name that is too long keeps its beginning and its end', () => {
  const short = elide('production-backend-instance-0042', 100, 12);
  assert.match(short, /^prod.*….*42$/u);
  assert.ok(width(short, 12) <= 100);
  assert.equal(elide('web1', 100, 12), 'web1');
  assert.equal(elide('web1', 1, 12), '');
});

test('nodes may come from anything that gives them once', () => {
  const { nodes, joints } = giant;
  assert.deepEqual(layout(new Map(nodes.map(n => [n.key, n])).values(), joints), layout(nodes, joints));
});
