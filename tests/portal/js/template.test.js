import assert from 'node:assert/strict';
import test from 'node:test';
import {
  chosen,
  flat,
  fromFile,
  isReference,
  isTemplate,
  parametersOf,
  planOf,
  read,
  secretOf,
  summary,
  told,
  uncommented,
} from '../../../src/lazulite/portal/static/js/deployments/template.js';

test('comments are left out of a template, and the lines stay', () => {
  const text = '\uFEFF{ // one\n "url": "http://x/*no*/", /* two\n three */ "b": 1 }';
  assert.deepEqual(read(text).value, { url: 'http://x/*no*/', b: 1 });
  assert.equal(uncommented(text).split('\n').length, 3);
});

test('what is no JSON object is told with its line', () => {
  assert.equal(read('{\n "a": }').error.line, 2);
  assert.match(read('[]').error.message, /no JSON object/);
});

test('a parameter file is told from a template', () => {
  assert.deepEqual([isTemplate({ resources: [] }), isTemplate({ parameters: {} })], [true, false]);
});

test('parameters become fields, and fields a body with the types that are declared', () => {
  const fields = parametersOf({
    parameters: {
      name: {},
      count: { type: 'int' },
      on: { type: 'Bool', defaultValue: false },
      list: { type: 'array' },
      secret: { type: 'securestring' },
      size: { type: 'string', allowedValues: ['a'] },
    },
  });
  assert.deepEqual(
    fields.map(f => [f.name, f.type, f.required, f.secure]),
    [
      ['name', 'string', true, false],
      ['count', 'int', true, false],
      ['on', 'bool', false, false],
      ['list', 'array', true, false],
      ['secret', 'string', true, true],
      ['size', 'string', true, false],
    ],
  );
  assert.deepEqual(chosen(fields, { name: 'x', count: '3', on: 'true', list: '[1]', secret: '', other: 'y' }), {
    name: { value: 'x' },
    count: { value: 3 },
    on: { value: true },
    list: { value: [1] },
  });
});

test('what is not of its type is sent as it was typed, for Azure to name', () => {
  const fields = parametersOf({ parameters: { count: { type: 'int' }, map: { type: 'object' } } });
  assert.deepEqual(chosen(fields, { count: 'many', map: '{' }), { count: { value: 'many' }, map: { value: '{' } });
});

test('a parameter file fills the fields; references to vaults stay what they are', () => {
  const c = { reference: { keyVault: { id: '/x/vaults/v' }, secretName: 's' } };
  const typed = fromFile({ parameters: { a: { value: 1 }, b: { value: ['x'] }, c } });
  assert.deepEqual(typed, { a: '1', b: '[\n  "x"\n]', c });
  assert.equal(isReference(typed.c), true);
  assert.equal(isReference(typed.b), false);
  assert.equal(secretOf(typed.c), 'Secret s of the key vault v');
  const fields = parametersOf({ parameters: { b: { type: 'array' }, c: { type: 'securestring' } } });
  assert.deepEqual(chosen(fields, typed), { b: { value: ['x'] }, c });
});

test('a plan of a group that is not there makes it first', () => {
  const order = {
    subscription: '/subscriptions/s',
    group: 'g',
    name: 'd',
    location: 'westeurope',
    properties: { mode: 'Incremental', template: {} },
  };
  const known = planOf({ ...order, known: true });
  assert.equal(
    known.path,
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/deployments/d/whatIf?reachability=true',
  );
  const fresh = planOf({ ...order, known: false });
  assert.equal(fresh.path, '/subscriptions/s/providers/Microsoft.Resources/deployments/d/whatIf?reachability=true');
  assert.deepEqual(
    fresh.body.properties.template.resources.map(r => r.type),
    ['Microsoft.Resources/resourceGroups', 'Microsoft.Resources/deployments'],
  );
});

test('changes are counted in words, and their differences are flat', () => {
  assert.equal(
    summary([{ changeType: 'Create' }, { changeType: 'Create' }, { changeType: 'NoChange' }]),
    '2 to create, 1 unchanged',
  );
  assert.equal(summary([]), 'nothing');
  const delta = [
    {
      path: 'properties.rules',
      children: [{ path: '0', children: [{ path: 'access', before: 'Deny', after: 'Allow' }] }],
    },
    { path: 'tags', before: undefined, after: {} },
  ];
  assert.deepEqual(flat(delta), [
    { path: 'properties.rules[0].access', before: 'Deny', after: 'Allow' },
    { path: 'tags', before: undefined, after: {} },
  ]);
  assert.deepEqual([told(undefined), told('x'), told({ a: 1 })], ['nothing', 'x', '{"a":1}']);
});
