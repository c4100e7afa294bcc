import assert from 'node:assert/strict';
import test from 'node:test';
import {
  allowed,
  paired,
  schemaAt,
  sendable,
  writable,
} from '../../../src/lazulite/portal/static/js/resources/schema.js';

const ROOT = {
  type: 'object',
  required: ['properties'],
  properties: {
    id: { type: 'string', readOnly: true },
    tags: { type: 'object', additionalProperties: { type: 'string' } },
    properties: { $ref: '#/$defs/net.Net' },
  },
  $defs: {
    'net.Net': {
      type: 'object',
      required: ['rules'],
      properties: {
        state: { type: 'string', readOnly: true },
        size: { type: 'integer', minimum: 4, maximum: 30 },
        rules: { type: 'array', items: { $ref: '#/$defs/net.Rule' } },
      },
    },
    'net.Rule': {
      type: 'object',
      properties: {
        access: { enum: ['Allow', 'Deny'] },
        to: { type: 'object', target: 'Microsoft.Network/virtualNetworks/subnets' },
      },
    },
  },
};

test('the schema of a path is found through references, lists, names of any case and maps', () => {
  assert.deepEqual(schemaAt(ROOT, 'properties.Rules[3].access'), { enum: ['Allow', 'Deny'] });
  assert.equal(schemaAt(ROOT, 'tags.anything').type, 'string');
  assert.equal(schemaAt(ROOT, 'properties.nothing'), undefined);
  assert.equal(schemaAt(ROOT, 'properties.size.deeper'), undefined);
});

test('what is allowed is told in words', () => {
  assert.equal(allowed(schemaAt(ROOT, 'properties.size')), 'integer, 4 to 30');
  assert.equal(allowed(schemaAt(ROOT, 'properties.rules[0].access')), 'Allow or Deny');
  assert.equal(allowed(schemaAt(ROOT, 'properties.rules[0].to')), 'reference to virtualNetworks/subnets');
});

test('what can be written stands with what is required first, and nothing that is computed', () => {
  assert.deepEqual(
    writable(ROOT, ROOT.properties.properties).map(row => row.name),
    ['rules', 'size'],
  );
});

test('what is sent back has nothing that the service computes, at any depth', () => {
  const shown = {
    id: 'x',
    etag: 'e',
    tags: { a: 'b' },
    properties: { state: 'Succeeded', size: 4, rules: [{ access: 'Allow' }] },
  };
  assert.deepEqual(sendable(ROOT, ROOT, shown), {
    tags: { a: 'b' },
    properties: { size: 4, rules: [{ access: 'Allow' }] },
  });
});

test('a property that is written singular or plural is one field', () => {
  const word = { type: 'string' };
  const words = { type: 'array', items: word };
  const rows = [
    ['addressPrefix', word],
    ['addressPrefixes', words],
    ['port', word],
    ['ports', words],
    ['subnets', { type: 'array', items: { type: 'object' } }],
    ['subnet', word],
  ].map(([name, schema]) => ({ name, schema }));
  assert.deepEqual(
    paired(rows).map(row => [row.name, row.many]),
    [
      ['addressPrefix', 'addressPrefixes'],
      ['port', 'ports'],
      ['subnets', undefined],
      ['subnet', undefined],
    ],
  );
});
