import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packetsOf, told } from '../../../src/lazulite/portal/static/js/watch/pcapng.js';
import { clock, holderOf, pageOf, percent, rated, shortId, size, taken, traceHash, wanted } from '../../../src/lazulite/portal/static/js/watch/words.js';
import { Typing, bytesOf, cut } from '../../../src/lazulite/portal/static/js/watch/line.js';
import { Unreachable } from '../../../src/lazulite/portal/static/js/api.js';
import { columns } from '../../../src/lazulite/portal/static/js/watch/columns.js';
import { document as monitor } from '../../../src/lazulite/portal/static/js/watch/monitor-document.js';

const NSG = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/nsg-web';
const RULE = `${NSG}/securityRules/allow-http`;

const record = (more = {}) => ({
  time: '2026-11-22T15:00:00.123+00:00', port: '/nic', machine: 'web', direction: 'in', protocol: 6, from: 'visitor', to: 'web', source: '198.18.0.5',
  sourcePort: 40000, destination: '10.1.1.4', destinationPort: 80, verdict: 'allow', rule: RULE, state: 'B', packets: [0, 0], bytes: [0, 0], ...more,
});

test('an id is told by its last two names, anything else as it is', () => {
  assert.equal(shortId(RULE), 'nsg-web/allow-http');
  assert.equal(shortId(NSG), 'nsg-web');
  assert.equal(shortId('no route'), 'no route');
});

test('a rule belongs to the resource that has a page', () => {
  assert.equal(holderOf(RULE), NSG);
  assert.equal(holderOf(NSG), NSG);
  assert.equal(holderOf(''), '');
});

test('a rule or a route that is written alone has a page of its own', () => {
  assert.equal(pageOf(RULE), RULE);
  assert.equal(pageOf(`${NSG}/defaultSecurityRules/DenyAllInBound`), NSG);
  assert.equal(pageOf('/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/routeTables/rt/routes/out').split('/').at(-1), 'out');
  assert.equal(pageOf(NSG), NSG);
  assert.equal(pageOf(''), '');
});

test('a flow is one row, where it began, and what it carried adds up', () => {
  const began = taken([], [record(), record({ sourcePort: 40001 })]);
  assert.deepEqual(began.map(r => r.sourcePort), [40001, 40000]);
  const on = taken(began, [record({ state: 'C', packets: [2, 1], bytes: [200, 100] }), record({ state: 'E', packets: [3, 1], bytes: [300, 100] })]);
  assert.deepEqual(on.map(r => [r.sourcePort, r.state, r.packets, r.bytes]), [[40001, 'B', [0, 0], [0, 0]], [40000, 'E', [5, 2], [500, 200]]]);
  assert.equal(began[1].state, 'B', 'what was there is not changed');
});

test('who talks again after the end, and who is denied again, is a new row', () => {
  const ended = taken([], [record(), record({ state: 'E', packets: [1, 1] })]);
  assert.equal(ended.length, 1);
  assert.equal(taken(ended, [record()]).length, 2);
  const denied = taken([], [record({ state: 'D' }), record({ state: 'D', time: '2026-11-22T15:00:01.000+00:00' })]);
  assert.equal(denied.length, 2);
  assert.equal(new Set(denied.map(r => r.key)).size, 2);
});

test('only so many rows stay, the newest', () => {
  const rows = taken([], Array.from({ length: 600 }, (_, i) => record({ sourcePort: i })));
  assert.equal(rows.length, 500);
  assert.equal(rows[0].sourcePort, 599);
});

test('a filter wants every word, in any place, and the verdict', () => {
  const row = record();
  assert.ok(wanted(row, '', ''));
  assert.ok(wanted(row, 'VISITOR 80 allow-http tcp', 'allow'));
  assert.ok(!wanted(row, 'visitor 443', ''));
  assert.ok(!wanted(row, '', 'deny'));
});

test('a row leads to the map with its flow, by names where there are any', () => {
  assert.equal(traceHash(record()), '#/topology?from=visitor&to=web&protocol=tcp&port=80');
  assert.equal(traceHash(record({ to: '', protocol: 1, destinationPort: 0 })), '#/topology?from=visitor&to=10.1.1.4&protocol=icmp');
  assert.equal(traceHash(record({ protocol: 50 })), '');
});

test('counters have what was added a second, the busiest first, and no inner names', () => {
  const before = [{ origin: '/a', packets: 10, bytes: 1 }, { origin: '/b', packets: 50, bytes: 1 }];
  const now = [{ origin: '/a', packets: 30, bytes: 9 }, { origin: '/b', packets: 50, bytes: 1 }, { origin: 'tried:/x', packets: 9, bytes: 9 }];
  assert.deepEqual(rated(now, before, 2).map(r => [r.origin, r.rate]), [['/a', 10], ['/b', 0]]);
  assert.deepEqual(rated([{ origin: '/a', packets: 1, bytes: 1 }], before, 2)[0].rate, 0, 'counters that began again');
  assert.deepEqual(rated(now, [], 0).map(r => r.origin), ['/b', '/a']);
});

test('sizes, parts and times are told as people say them', () => {
  assert.deepEqual([0, 999, 1500, 2.5e6, 3e9].map(size), ['0 B', '999 B', '1.5 kB', '2.5 MB', '3.0 GB']);
  assert.deepEqual([percent(1, 3), percent(0, 5), percent(0, 0)], ['33 %', '0 %', '–']);
  assert.equal(clock(record().time), '15:00:00.123');
});

test('what is typed goes in order, one request at a time, and again where nobody answered', async () => {
  const sent = [];
  let lost = 1;
  const send = async (_path, { text }) => {
    if (text.includes('b') && lost-- > 0) throw new Unreachable('no');
    sent.push(text);
  };
  const typing = new Typing('/t', assert.fail, send);
  typing.type('a');
  typing.type('b');
  typing.type('c');
  while (sent.join('').length < 3) await new Promise(done => setTimeout(done, 5));
  assert.deepEqual(sent, ['a', 'bc']);
});

test('the newest size is the last that a terminal hears of', async () => {
  const sent = [];
  const send = async (_, size) => {
    sent.push(size.rows);
    await new Promise(done => setTimeout(done, 20));
  };
  const typing = new Typing('/t', assert.fail, send);
  typing.size(1, 80);
  typing.size(2, 80);
  await typing.size(3, 80);
  while (sent.length < 2) await new Promise(done => setTimeout(done, 5));
  assert.deepEqual(sent, [1, 3]);
});

test('what is refused is told and not sent again; what is muted is not sent', async () => {
  const heard = [];
  const typing = new Typing('/t', error => heard.push(error.message), async () => { throw new Error('ended'); });
  typing.mute = true;
  typing.type('x');
  typing.mute = false;
  typing.type('y');
  while (!heard.length) await new Promise(done => setTimeout(done, 5));
  assert.deepEqual(heard, ['ended']);
});

test('a text is not cut within a letter of two units', () => {
  assert.deepEqual(cut('ab', 4), ['ab', '']);
  assert.deepEqual(cut('a😀b', 2), ['a', '😀b']);
  assert.deepEqual(cut('abcd', 2), ['ab', 'cd']);
  assert.deepEqual([...bytesOf('AP8=')], [0, 255]);
});

test('moments become columns, with gaps where nothing is known', () => {
  assert.deepEqual(columns([{ at: 1, values: { a: 5 } }, { at: 2, values: { b: 0 } }], ['a', 'b']), [[1, 2], [5, null], [null, 0]]);
});

test('a monitor of one test is what ARM takes', () => {
  const machine = { name: 'web', id: '/web' };
  const form = { name: 'm', target: 'db', protocol: 'Tcp', port: '5432', every: '30' };
  const made = monitor(form, machine, { id: '/db' });
  assert.deepEqual(made.endpoints[1], { name: 'db', type: 'AzureVM', resourceId: '/db' });
  assert.deepEqual(made.testConfigurations, [{ name: 'tcp', protocol: 'Tcp', testFrequencySec: 30, tcpConfiguration: { port: 5432 } }]);
  const outside = monitor({ ...form, target: '198.18.0.5', protocol: 'Icmp' }, machine, undefined);
  assert.deepEqual(outside.endpoints[1], { name: '198.18.0.5', type: 'ExternalAddress', address: '198.18.0.5' });
  assert.deepEqual(outside.testConfigurations[0].icmpConfiguration, {});
  assert.deepEqual(outside.testGroups[0], { name: 'tests', sources: ['from-web'], destinations: ['198.18.0.5'], testConfigurations: ['icmp'] });
});

/** Bytes of a capture: a section, an interface with a name and nanoseconds, a packet with a comment. */
function file() {
  const option = (code, bytes) => [code, 0, bytes.length, 0, ...bytes, ...Array(-bytes.length & 3).fill(0)];
  const word = n => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];
  const block = (kind, body) => [...word(kind), ...word(body.length + 12), ...body, ...word(body.length + 12)];
  const text = s => [...new TextEncoder().encode(s)];
  const section = block(0x0a0d0d0a, [...word(0x1a2b3c4d), 1, 0, 0, 0, ...Array(8).fill(255)]);
  const link = block(1, [1, 0, 0, 0, ...word(0), ...option(2, text('web/nic')), ...option(9, [9]), 0, 0, 0, 0]);
  const frame = [...Array(12).fill(2), 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 4, 10, 0, 0, 5, 0x9c, 0x40, 0, 80, ...Array(8).fill(0), 0x50, 2, 0, 0, 0, 0, 0, 0];
  const padded = [...frame, ...Array(-frame.length & 3).fill(0)];
  const packet = block(6, [...word(0), ...word(0), ...word(1_500_000_000), ...word(frame.length), ...word(74), ...padded, ...option(1, text('allowed by a/b')), 0, 0, 0, 0]);
  return [...section, ...link, ...packet, ...packet];
}

test('packets of a capture have time, ends, flags and the comment', () => {
  const view = new DataView(Uint8Array.from(file()).buffer);
  const [first, second] = packetsOf(view, 10);
  assert.deepEqual(first, { time: 1.5, at: 'web/nic', length: 74, comment: 'allowed by a/b', from: '10.0.0.4:40000', to: '10.0.0.5:80', what: 'TCP SYN' });
  assert.deepEqual(second, first);
  assert.equal(packetsOf(view, 1).length, 1);
});

test('a capture that is cut anywhere is read as far as it goes', () => {
  const whole = file();
  for (let length = 0; length < whole.length; length++) {
    const found = packetsOf(new DataView(Uint8Array.from(whole.slice(0, length)).buffer), 10);
    assert.ok(found.length <= 2);
  }
});

test('frames of any content are told without failing', () => {
  for (let seed = 1; seed < 500; seed++) {
    const bytes = Uint8Array.from({ length: seed % 70 }, (_, i) => (seed * 31 + i * 17 * seed) & 255);
    if (bytes.length > 14) bytes.set(seed % 2 ? [8, 0] : [0x86, 0xdd], 12);
    assert.equal(typeof told(new DataView(bytes.buffer)).what, 'string');
  }
  assert.equal(told(new DataView(Uint8Array.from([...Array(12).fill(0), 8, 6]).buffer)).what, 'ARP');
});
