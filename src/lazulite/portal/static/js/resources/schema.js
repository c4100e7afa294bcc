// Schemas of types: fetched once each, and what they say of a place in a document.
import { get } from '../api.js';
import { steps } from './json.js';

const loaded = new Map();

/** The schema of a full type, fetched once. */
export const schemaOf = type => once(`/lazulite/schema/${type}`);

/** Every type with the children that are written at their own path: rows {type, children}; fetched once. */
export const typesKnown = async () => (await once('/lazulite/schema')).value;

function once(path) {
  const key = path.toLowerCase();
  if (!loaded.has(key)) {
    const found = get(path);
    loaded.set(key, found);
    found.catch(() => loaded.delete(key));
  }
  return loaded.get(key);
}

/** A schema without its `$ref`: what it refers to, and what it says itself. */
export function resolve(root, schema) {
  if (!schema?.$ref) return schema ?? {};
  const { $ref, ...own } = schema;
  return { ...root.$defs[$ref.slice('#/$defs/'.length)], ...own };
}

/** The schema of a path of the document, or undefined where the path is not known. */
export function schemaAt(root, path) {
  let at = root;
  for (const step of steps(path)) {
    const here = resolve(root, at);
    at = typeof step === 'number' ? here.items : member(here, step);
    if (at === undefined) return undefined;
  }
  return resolve(root, at);
}

function member(schema, name) {
  const known = Object.keys(schema.properties ?? {}).find(n => n.toLowerCase() === name.toLowerCase());
  if (known !== undefined) return schema.properties[known];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** In words what a schema allows: `integer, 4 to 30`, `Allow or Deny`, `virtualNetworks/subnets`. */
export function allowed(schema) {
  if (schema.enum) return schema.enum.join(' or ');
  if (schema.target) return `reference to ${schema.target.split('/').slice(1).join('/')}`;
  const low = schema.minimum ?? schema.minLength ?? schema.minItems;
  const high = schema.maximum ?? schema.maxLength ?? schema.maxItems;
  const what = schema.format ?? schema.type ?? 'anything';
  return low === undefined ? what : `${what}, ${low} to ${high}`;
}

/** Names of properties that may be written to an object schema, the required first: [{name, schema, required}]. */
export function writable(root, schema) {
  const here = resolve(root, schema);
  const needed = new Set(here.required ?? []);
  return Object.entries(here.properties ?? {})
    .map(([name, own]) => ({ name, schema: resolve(root, own), required: needed.has(name) }))
    .filter(row => !row.schema.readOnly)
    .sort((a, b) => Number(b.required) - Number(a.required));
}

/** The document as it would be sent: without what the service computes. */
export function sendable(root, schema, value) {
  const here = resolve(root, schema);
  if (Array.isArray(value)) return value.map(item => sendable(root, here.items ?? {}, item));
  if (value === null || typeof value !== 'object' || !here.properties) return value;
  const kept = Object.entries(value).filter(
    ([name]) => !resolve(root, member(here, name) ?? {}).readOnly && name !== 'etag',
  );
  return Object.fromEntries(kept.map(([name, item]) => [name, sendable(root, member(here, name) ?? {}, item)]));
}

/** A property that is written singular or plural, never both, is one field. */
export function paired(rows) {
  const plural = row =>
    rows.find(
      other =>
        (other.name === `${row.name}s` || other.name === `${row.name}es`) && other.schema.items?.type === 'string',
    );
  const pairs = rows.map(row => (row.schema.type === 'string' ? { ...row, many: plural(row)?.name } : row));
  const gone = new Set(pairs.map(row => row.many).filter(Boolean));
  return pairs.filter(row => !gone.has(row.name));
}

/** Whether nothing of a property has an effect: it is stored, or all that is in it is. */
export function idle(root, schema, depth = 0) {
  const here = resolve(root, schema);
  if (here.effect === 'kept' || here.effect === 'refused') return true;
  const inner = here.type === 'array' ? resolve(root, here.items) : here;
  if (!inner.properties || depth > 6 || here.target || inner.target || inner.properties.id?.format === 'arm-id')
    return false;
  return writable(root, inner).every(row => idle(root, row.schema, depth + 1));
}
