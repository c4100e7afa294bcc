import assert from 'node:assert/strict';
import test from 'node:test';
import {
  above,
  lineOf,
  outline,
  pathAt,
  steps,
  valueAt,
  withAt,
} from '../../../src/lazulite/portal/static/js/resources/json.js';

const TEXT =
  '{\n  "name": "net",\n  "properties": {\n    "subnets": [\n      { "name": "a" },\n      { "name": "b", "properties": { "addressPrefix": "10.0.0.0/24" } }\n    ]\n  }\n}';

test('every property and element has its path and its line', () => {
  const { places, value, error } = outline(TEXT);
  assert.equal(error, null);
  assert.deepEqual(value, JSON.parse(TEXT));
  assert.deepEqual(
    places.map(place => [place.path, place.line]),
    [
      ['name', 2],
      ['properties', 3],
      ['properties.subnets', 4],
      ['properties.subnets[0]', 5],
      ['properties.subnets[0].name', 5],
      ['properties.subnets[1]', 6],
      ['properties.subnets[1].name', 6],
      ['properties.subnets[1].properties', 6],
      ['properties.subnets[1].properties.addressPrefix', 6],
    ],
  );
});

test('the line of a path is found whatever its case, that of a missing one where it would be', () => {
  const { places } = outline(TEXT);
  assert.equal(lineOf(places, 'properties.Subnets[1].properties.addressprefix'), 6);
  assert.equal(lineOf(places, 'properties.subnets[0].properties.addressPrefix'), 5);
  assert.equal(lineOf(places, 'properties.addressSpace'), 3);
  assert.equal(lineOf(places, 'location'), 1);
});

test('a cursor is in the innermost property', () => {
  const { places } = outline(TEXT);
  assert.equal(pathAt(places, TEXT.indexOf('10.0.0.0')), 'properties.subnets[1].properties.addressPrefix');
  assert.equal(pathAt(places, 0), '');
});

for (const [text, line, words] of [
  ['{\n "a": 1,\n}', 3, 'name in quotes'],
  ['{\n "a" 1\n}', 2, 'colon'],
  ['{ "a": [1\n 2] }', 2, 'comma'],
  ['{ "a": "x\n" }', 1, 'no end'],
  ['{ "a":', 1, 'ends too early'],
  ['{} {}', 1, 'more behind'],
  ['{ "a": nope }', 1, 'cannot begin'],
]) {
  test(`what is no JSON is told at its line: ${JSON.stringify(text)}`, () => {
    const { error, value } = outline(text);
    assert.equal(value, undefined);
    assert.equal(error.line, line);
    assert.match(error.message, new RegExp(words));
  });
}

test('what is read as JSON by the outline is what JSON.parse reads', () => {
  for (const text of ['null', '-1.5e3', '[]', '{}', '[[], {"a\\"b": [true, false, null]}]', '" \\u00e9 "'])
    assert.deepEqual(outline(text).value, JSON.parse(text));
});

test('a path has steps, and one above it', () => {
  assert.deepEqual(steps('a.b[3].c'), ['a', 'b', 3, 'c']);
  assert.deepEqual(['a.b[3].c', 'a.b[3]', 'a.b', 'a'].map(above), ['a.b[3]', 'a.b', 'a', '']);
});

test('a change copies what holds it and nothing else', () => {
  const before = { a: { b: [1, 2] }, c: {} };
  const after = withAt(before, 'a.b[1]', 3);
  assert.deepEqual(after, { a: { b: [1, 3] }, c: {} });
  assert.deepEqual(before, { a: { b: [1, 2] }, c: {} });
  assert.equal(after.c, before.c);
});

test('undefined removes, and what is missing on the way is made', () => {
  assert.deepEqual(withAt({ a: 1, b: 2 }, 'a', undefined), { b: 2 });
  assert.deepEqual(withAt({ a: [1, 2, 3] }, 'a[1]', undefined), { a: [1, 3] });
  assert.deepEqual(withAt({}, 'a.b[0].c', 1), { a: { b: [{ c: 1 }] } });
  assert.equal(valueAt({ a: { b: [{ c: 1 }] } }, 'a.b[0].c'), 1);
  assert.equal(valueAt({}, 'a.b'), undefined);
});
