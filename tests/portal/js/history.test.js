import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columns, largest, seen } from '../../../src/lazulite/portal/static/js/watch/columns.js';
import { busiest, joined, momentsOf, place, subscriptionsOf, timespan } from '../../../src/lazulite/portal/static/js/watch/history.js';

const [WEB, DB] = ['web', 'db'].map(name => `/subscriptions/S/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/${name}`);
const T = Date.parse('2026-05-01T12:00:00Z') / 1000;
const at = minute => new Date(1000 * (T + 60 * minute)).toISOString().replace('.000', '');
const points = values => values.map((value, minute) => ({ timeStamp: at(minute), ...(value != null && { total: value }) }));

/** An answer for several resources, as a subscription gives it. */
const across = rows => ({ value: [{ id: 'subscriptions/providers/Microsoft.Insights/metrics/x', timeseries: Object.entries(rows).map(([id, values]) => ({ metadatavalues: [{ name: { value: 'microsoft.resourceid' }, value: id }], data: points(values) })) }] });
/** An answer of one resource. */
const alone = (id, values) => ({ value: [{ id: `${id}/providers/Microsoft.Insights/metrics/x`, timeseries: [{ metadatavalues: [], data: points(values) }] }] });

test('totals of a minute are so much a second, and stand at its end', () => {
  const found = momentsOf([across({ [WEB]: [600, null, 1200], [DB]: [0, 60, null] })], T + 600);
  assert.deepEqual(found.map(m => [m.at - T, m.values]), [
    [60, { [WEB.toLowerCase()]: 10, [DB.toLowerCase()]: 0 }], [120, { [DB.toLowerCase()]: 1 }], [180, { [WEB.toLowerCase()]: 20 }],
  ]);
});

test('several metrics of a resource add up, however they are answered', () => {
  const [moment] = momentsOf([across({ [WEB]: [60] }), alone(WEB, [120])], T + 600);
  assert.deepEqual(moment.values, { [WEB.toLowerCase()]: 3 });
});

test('the minute that goes on has lasted until now, and one that has only begun says nothing', () => {
  const found = momentsOf([alone(WEB, [600, 300, 7])], T + 90);
  assert.deepEqual(found.map(m => [m.at - T, m.values[WEB.toLowerCase()]]), [[60, 10], [90, 10]]);
  assert.deepEqual(momentsOf([alone(WEB, [600])], T + 0.5), []);
});

test('averages stay as they are', () => {
  const answer = { value: [{ id: `${WEB}/providers/Microsoft.Insights/metrics/x`, timeseries: [{ metadatavalues: [], data: [{ timeStamp: at(0), average: 75 }] }] }] };
  assert.equal(momentsOf([answer], T + 60)[0].values[WEB.toLowerCase()], 75);
});

test('the busiest of all have the largest sums', () => {
  assert.deepEqual(busiest([across({ [WEB]: [1], [DB]: [5] }), across({ [WEB]: [3] })]), [DB, WEB].map(id => id.toLowerCase()));
  assert.deepEqual(busiest([across({ [WEB]: [1], [DB]: [5] })], 1), [DB.toLowerCase()]);
});

test('what the page saw itself follows what was kept, and the minute between ends where it began', () => {
  const kept = [0, 60, 120].map(from => ({ from: T + from, at: T + from + 60, values: {} }));
  const mine = [100, 101, 102].map(second => ({ at: T + second, values: {} }));
  assert.deepEqual(joined(kept, mine).map(m => m.at - T), [60, 80, 100, 101, 102]);
  assert.deepEqual(joined(kept, []).map(m => m.at - T), [60, 120, 180]);
  assert.deepEqual(joined([], mine).map(m => m.at - T), [100, 101, 102]);
});

test('nothing is older than an hour before the last', () => {
  const kept = [{ from: T - 4000, at: T - 3940, values: {} }, { from: T - 3000, at: T - 2940, values: {} }];
  assert.deepEqual(joined(kept, [{ at: T, values: {} }]).map(m => m.at - T), [-2940, 0]);
  assert.deepEqual(joined([], []), []);
});

test('times always grow, wherever the page begins', () => {
  const kept = [0, 60, 120].map(from => ({ from: T + from, at: Math.min(T + from + 60, T + 130), values: {} }));
  for (let began = -5; began < 140; began += 0.5) {
    const times = joined(kept, [{ at: T + began, values: {} }, { at: T + began + 1, values: {} }]).map(m => m.at);
    assert.ok(times.every((time, i) => i === 0 || time > times[i - 1]), `${began}: ${times}`);
  }
});

test('a moment that is whole has nought where it says nothing, another one a gap', () => {
  assert.deepEqual(columns([{ at: 1, values: { a: 2 } }, { at: 2, values: {}, whole: true }, { at: 3, values: { b: 4 } }], ['a', 'b']), [[1, 2, 3], [2, 0, null], [null, 0, 4]]);
});

test('the largest are weighed by how long a moment lasted', () => {
  const moments = [{ at: 0, values: { slow: 10 } }, { at: 60, values: { fast: 100 } }, { at: 61, values: { fast: 100 } }];
  assert.deepEqual(largest(moments, 5), ['slow', 'fast']);
  assert.deepEqual(largest([], 5), []);
});

test('only as many moments are kept, and a pause is a new beginning', () => {
  let moments = [];
  for (let second = 0; second < 20; second++) moments = seen(moments, second, { a: second, idle: 0 }, 10);
  assert.equal(moments.length, 10);
  assert.deepEqual(moments.at(-1), { at: 19, whole: true, values: { a: 19 } });
  assert.deepEqual(seen(moments, 40, {}, 10), [{ at: 40, whole: true, values: {} }]);
});

test('what is asked names its metrics and its hour', () => {
  const url = new URL(place('/subscriptions/s', ['In', 'Out Total'], { timespan: timespan(T) }), 'http://localhost');
  assert.equal(url.pathname, '/subscriptions/s/providers/Microsoft.Insights/metrics');
  assert.deepEqual(Object.fromEntries(url.searchParams), { 'api-version': '2023-10-01', metricnames: 'In,Out Total', timespan: '2026-05-01T11:00:00Z/2026-05-01T12:00:00Z' });
  assert.deepEqual(subscriptionsOf([WEB, DB]), ['/subscriptions/s']);
});
