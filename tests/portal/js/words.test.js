import assert from 'node:assert/strict';
import test from 'node:test';
import {
  brief,
  idsIn,
  oneOf,
  ownerOf,
  sameId,
  shortId,
  spoken,
  stateKind,
  titleOf,
  within,
} from '../../../src/lazulite/portal/static/js/resources/words.js';

const NETWORK = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network';

for (const [name, words] of [
  ['virtualNetworks', 'Virtual networks'],
  ['publicIPAddresses', 'Public IP addresses'],
  ['privateDnsZones', 'Private DNS zones'],
  ['dnszones', 'DNS zones'],
  ['natGateway', 'NAT gateway'],
  ['ipv4Address', 'IPv4 address'],
  ['privateIPAddressVersion', 'Private IP address version'],
  ['ARecords', 'A records'],
  ['TTL', 'TTL'],
])
  test(`${name} is called ${words}`, () => assert.equal(spoken(name), words));

for (const [type, words] of [
  ['Microsoft.Network/virtualNetworks', 'Virtual network'],
  ['Microsoft.Network/publicIPAddresses', 'Public IP address'],
  ['a/policies', 'Policy'],
  ['a/access', 'Access'],
]) {
  test(`one of ${type} is a ${words}`, () => assert.equal(oneOf(type), words));
}

test('titles are of the last type', () =>
  assert.equal(titleOf('Microsoft.Network/virtualNetworks/subnets'), 'Subnets'));
test('acronyms stay as they are within a sentence', () =>
  assert.deepEqual(['Security rule', 'A record', 'IP configuration'].map(within), [
    'security rule',
    'A record',
    'IP configuration',
  ]));

test('ids are shown without their beginning, and lead to the resource that holds a child', () => {
  assert.equal(shortId(`${NETWORK}/virtualNetworks/hub/subnets/a`), 'virtualNetworks/hub/subnets/a');
  assert.equal(shortId('/subscriptions/s/resourceGroups/g'), 'resourceGroups/g');
  assert.equal(ownerOf(`${NETWORK}/virtualNetworks/hub/subnets/a`), `${NETWORK}/virtualNetworks/hub`);
  assert.ok(sameId('/A/b', '/a/B'));
});

test('references are found with their paths, the names of children are none', () => {
  const document = {
    id: '/subscriptions/x',
    properties: {
      subnet: { id: `${NETWORK}/a/b` },
      list: [{ name: 'c', id: '/subscriptions/y' }, { id: '/subscriptions/z' }],
    },
  };
  assert.deepEqual(idsIn(document), [
    { path: 'properties.subnet', id: `${NETWORK}/a/b` },
    { path: 'properties.list[1]', id: '/subscriptions/z' },
  ]);
});

test('values are told on one line', () => {
  assert.deepEqual(
    [brief(true), brief(['a', 'b']), brief({ id: '/x/y' }), brief(null), brief(3), brief([{ name: 'n' }])],
    ['yes', 'a, b', 'y', '', '3', 'n'],
  );
});

test('states have colours', () => {
  assert.deepEqual(['Failed', 'Refused', 'Succeeded', 'running', 'Updating', 'deallocated'].map(stateKind), [
    'bad',
    'bad',
    'good',
    'good',
    'info',
    'plain',
  ]);
});
