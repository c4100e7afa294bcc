import assert from 'node:assert/strict';
import test from 'node:test';
import { completions, context } from '../../../src/lazulite/portal/static/js/resources/complete.js';

const ROOT = {
  type: 'object',
  properties: {
    id: { type: 'string', readOnly: true },
    location: { type: 'string', examples: ['northeurope', 'westeurope'] },
    tags: { type: 'object', additionalProperties: { type: 'string' } },
    properties: { $ref: '#/$defs/net.Net' },
  },
  $defs: {
    'net.Net': {
      type: 'object',
      properties: {
        size: { type: 'integer' },
        sizeHint: { type: 'string' },
        on: { type: 'boolean' },
        gone: { type: 'string', effect: 'refused' },
        rules: { type: 'array', items: { $ref: '#/$defs/net.Rule' } },
        list: { type: 'array', items: { enum: ['a', 'b'] } },
      },
    },
    'net.Rule': { type: 'object', properties: { access: { enum: ['Allow', 'Deny'] } } },
  },
};
/** What is offered where the text has a ‸, as names, and the text after the first of it was taken. */
function offered(marked) {
  const cursor = marked.indexOf('‸');
  const text = marked.replace('‸', '');
  const found = completions(ROOT, text, cursor);
  if (!found) return null;
  const { insert, cursor: at } = found.options[0];
  const taken = text.slice(0, found.from) + insert + text.slice(found.to);
  return [found.options.map(o => o.label), `${taken.slice(0, found.from + at)}‸${taken.slice(found.from + at)}`];
}

for (const [what, marked, labels, taken] of [
  ['names of the document, without what is computed', '{ "‸" }', ['location', 'tags', 'properties'], '{ "location": "‸" }'],
  ['names that are there already are not offered', '{ "location": "x", "‸" }', ['tags', 'properties'], '{ "location": "x", "tags": {‸} }'],
  ['a name without quotes yet', '{ loc‸ }', ['location'], '{ "location": "‸" }'],
  ['a name that has its value keeps it', '{ "loc‸": "x" }', ['location'], '{ "location"‸: "x" }'],
  ['a name without its second quote', '{\n  "prop‸\n}', ['properties'], '{\n  "properties": {‸}\n}'],
  ['what begins so comes first', '{ "properties": { "siz‸" } }', ['size', 'sizeHint'], '{ "properties": { "size": ‸ } }'],
  ['what merely has the letters is there too', '{ "properties": { "hint‸" } }', ['sizeHint'], '{ "properties": { "sizeHint": "‸" } }'],
  ['a list begins with its brackets', '{ "properties": { "rul‸" } }', ['rules'], '{ "properties": { "rules": [‸] } }'],
  ['names within an element of a list', '{ "properties": { "rules": [{}, { "‸" }] } }', ['access'], '{ "properties": { "rules": [{}, { "access": "‸" }] } }'],
  ['words of a choice', '{ "properties": { "rules": [{ "access": "‸" }] } }', ['Allow', 'Deny'], '{ "properties": { "rules": [{ "access": "Allow"‸ }] } }'],
  ['words of a choice by a letter', '{ "properties": { "rules": [{ "access": "d‸" }] } }', ['Deny'], '{ "properties": { "rules": [{ "access": "Deny"‸ }] } }'],
  ['words of a list of words', '{ "properties": { "list": ["a", "‸"] } }', ['a', 'b'], '{ "properties": { "list": ["a", "a"‸] } }'],
  ['true and false', '{ "properties": { "on": ‸ } }', ['true', 'false'], '{ "properties": { "on": true‸ } }'],
  ['places that are known', '{ "location": "we‸" }', ['westeurope'], '{ "location": "westeurope"‸ }'],
  ['after a value that another follows', '{ "tags": {}, "properties": { "on": tr‸, "size": 4 } }', ['true'], '{ "tags": {}, "properties": { "on": true‸, "size": 4 } }'],
]) {
  test(what, () => assert.deepEqual(offered(marked), [labels, taken]));
}

for (const [what, marked] of [
  ['before the document', '‸{}'],
  ['behind it', '{}‸'],
  ['behind a value', '{ "tags": {} ‸ }'],
  ['between a name and its colon', '{ "tags" ‸ }'],
  ['where the schema knows nothing', '{ "other": { "‸" } }'],
  ['in a text that is free', '{ "properties": { "sizeHint": "‸" } }'],
  ['what is refused anyway', '{ "properties": { "gone‸" } }'],
  ['where quotes are escaped', '{ "tags": "a\\"‸" }'],
]) {
  test(`nothing is offered ${what}`, () => assert.equal(offered(marked), null));
}

test('the place of a cursor survives text that is not finished', () => {
  const text = '{\n "properties": {\n  "rules": [ {"access": "Deny"}, {';
  assert.equal(context(text, text.length).path, 'properties.rules[1]');
});

test('wherever the cursor is, what is offered replaces what stands there', () => {
  const text = '{ "properties": { "rules": [ { "access": "Deny" } ], "on": true, "size": 4 }, "tags": { "a": "b" } }';
  for (let at = 0; at <= text.length; at++) {
    const found = completions(ROOT, text, at);
    if (!found) continue;
    assert.ok(found.from <= at && at <= found.to, `at ${at}`);
    assert.match(text.slice(found.from, found.to), /^("[^"]*"|\w*)$/, `at ${at}`);
  }
});

test('a text without its second quote at the very end is completed too', () => {
  assert.deepEqual(offered('{ "loc‸'), [['location'], '{ "location": "‸"']);
  assert.deepEqual(offered('{ "‸'), [['location', 'tags', 'properties'], '{ "location": "‸"']);
});
