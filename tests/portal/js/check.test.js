import assert from 'node:assert/strict';
import test from 'node:test';
import { complaints } from '../../../src/lazulite/portal/static/js/resources/check.js';

const ROOT = {
  type: 'object',
  additionalProperties: false,
  required: ['location', 'properties'],
  properties: {
    id: { type: 'string', readOnly: true },
    name: { type: 'string', pattern: '^(?:[a-z][a-z0-9-]*)$' },
    location: { type: 'string' },
    tags: { type: 'object', additionalProperties: { type: 'string', maxLength: 4 } },
    zones: { type: 'array', maxItems: 1, items: { type: 'string' } },
    properties: { $ref: '#/$defs/net.Net' },
  },
  $defs: {
    'net.Net': {
      type: 'object',
      additionalProperties: false,
      properties: {
        size: { type: 'integer', minimum: 4, maximum: 30 },
        weight: { type: 'number' },
        on: { type: 'boolean' },
        rules: { type: 'array', items: { $ref: '#/$defs/net.Rule' } },
        odd: { type: 'string', pattern: '(?<bad' },
      },
    },
    'net.Rule': {
      type: 'object',
      additionalProperties: false,
      required: ['access'],
      properties: {
        access: { enum: ['Allow', 'Deny'] },
        to: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
      },
    },
  },
};
const whole = properties => ({ location: 'westeurope', properties });
const rows = value => complaints(ROOT, value).map(row => [row.path, row.message]);

for (const [what, value, expected] of [
  ['nothing is wrong', whole({ size: 4, on: true, rules: [{ access: 'Allow' }] }), []],
  ['case, null and numbers as text are as good', { Location: 'x', properties: { SIZE: '30', on: 'True', weight: null, rules: [{ ACCESS: 'deny' }] } }, []],
  ['what the service computes is not looked at', { ...whole({}), id: 7 }, []],
  ['a pattern that no browser reads says nothing', whole({ odd: 'x' }), []],
  ['something is missing', { location: 'x' }, [['properties', 'properties is required.']]],
  ['something is missing further in', whole({ rules: [{}] }), [['properties.rules[0].access', 'access is required in rules[0].']]],
  ['a name is not known', whole({ sise: 4 }), [['properties.sise', 'sise is not known here.']]],
  ['a word is none of the choice', whole({ rules: [{ access: 'Maybe' }] }), [['properties.rules[0].access', 'access is one of Allow, Deny.']]],
  ['a number is too small', whole({ size: 3 }), [['properties.size', 'size is no less than 4.']]],
  ['a number is too large', whole({ size: 31 }), [['properties.size', 'size is no more than 30.']]],
  ['a number is none', whole({ size: 'big' }), [['properties.size', 'size is a number.']]],
  ['a number is not whole', whole({ size: 4.5 }), [['properties.size', 'size is a whole number.']]],
  ['truth is a number', whole({ on: 2 }), [['properties.on', 'on is true or false.']]],
  ['a list is an object', whole({ rules: {} }), [['properties.rules', 'rules is a list.']]],
  ['an object is text', whole('x'), [['properties', 'properties is an object.']]],
  ['text is an object', { ...whole({}), location: {} }, [['location', 'location is text.']]],
  ['text does not fit', { ...whole({}), name: 'No' }, [['name', 'name has characters, or a form, that is not allowed.']]],
  ['a tag is too long', { ...whole({}), tags: { any: 'longer' } }, [['tags.any', 'any is at most 4 characters.']]],
  ['a list is too long', { ...whole({}), zones: ['1', '2'] }, [['zones', 'zones is at most 1 elements.']]],
  ['a reference has no id', whole({ rules: [{ access: 'Deny', to: {} }] }), [['properties.rules[0].to.id', 'id is required in to.']]],
  ['the document is a list', [], [['', 'The document is an object.']]],
]) {
  test(what, () => assert.deepEqual(rows(value), expected));
}

test('no more is told than anybody reads', () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`x${i}`, 1]));
  assert.equal(complaints(ROOT, whole(many)).length, 100);
});
