// What a schema has against a document, before anything is sent. Pure. As tolerant as the API: of case, of `null`, and
// of numbers and truth written as text; it warns, and the lab decides.
import { resolve } from './schema.js';

const MOST = 100;
const is = { object: value => value !== null && typeof value === 'object' && !Array.isArray(value), array: Array.isArray };

/** Rows {path, message} in the order of the document, at most a hundred. */
export function complaints(root, value) {
  const rows = [];
  look(root, root, value, '', rows);
  return rows.slice(0, MOST);
}

function look(root, schema, value, path, rows) {
  const here = resolve(root, schema);
  if (value === null || value === undefined || here.readOnly || rows.length >= MOST) return;
  const against = wrong(here, value);
  if (against) rows.push({ path, message: `${named(path)} ${against}.` });
  else if (Array.isArray(value)) value.forEach((item, i) => look(root, here.items ?? {}, item, `${path}[${i}]`, rows));
  else if (is.object(value)) members(root, here, value, path, rows);
}

function members(root, here, value, path, rows) {
  const known = new Map(Object.entries(here.properties ?? {}).map(([name, own]) => [name.toLowerCase(), own]));
  const given = new Set(Object.keys(value).map(name => name.toLowerCase()));
  const below = name => (path ? `${path}.${name}` : name);
  for (const name of here.required ?? []) {
    if (!given.has(name.toLowerCase())) rows.push({ path: below(name), message: `${name} is required${path ? ` in ${named(path)}` : ''}.` });
  }
  for (const [name, item] of Object.entries(value)) {
    const own = known.get(name.toLowerCase()) ?? (is.object(here.additionalProperties) ? here.additionalProperties : undefined);
    if (own) look(root, own, item, below(name), rows);
    else if (here.additionalProperties === false) rows.push({ path: below(name), message: `${name} is not known here.` });
  }
}

const named = path => path.slice(path.lastIndexOf('.') + 1) || 'The document';

/** What is wrong with a value itself; empty where nothing is. */
function wrong(schema, value) {
  if (schema.enum) {
    const same = schema.enum.some(each => String(each).toLowerCase() === String(value).toLowerCase());
    return same ? '' : `is one of ${schema.enum.join(', ')}`;
  }
  if (schema.type === 'object' || schema.type === 'array') {
    if (!is[schema.type](value)) return `is ${schema.type === 'array' ? 'a list' : 'an object'}`;
    return schema.type === 'array' ? sized(schema.minItems, schema.maxItems, value.length, 'elements') : '';
  }
  if (schema.type && typeof value === 'object') return `is ${schema.type === 'string' ? 'text' : `a ${schema.type}`}`;
  return scalar(schema, value);
}

function scalar(schema, value) {
  if (schema.type === 'boolean') return /^(true|false)$/i.test(String(value)) ? '' : 'is true or false';
  if (schema.type === 'integer' || schema.type === 'number') {
    const number = Number(value);
    if (typeof value === 'boolean' || Number.isNaN(number)) return 'is a number';
    if (schema.type === 'integer' && !Number.isInteger(number)) return 'is a whole number';
    return sized(schema.minimum, schema.maximum, number, '');
  }
  return schema.type === 'string' ? text(schema, String(value)) : '';
}

function text(schema, value) {
  if (schema.pattern && !fits(schema.pattern, value)) return 'has characters, or a form, that is not allowed';
  return sized(schema.minLength, schema.maxLength, value.length, 'characters');
}

/** A pattern that the browser cannot read says nothing. */
function fits(pattern, value) {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return true;
  }
}

function sized(low, high, size, of) {
  if (low !== undefined && size < low) return `is ${of ? 'at least' : 'no less than'} ${low}${of && ` ${of}`}`;
  if (high !== undefined && size > high) return `is ${of ? 'at most' : 'no more than'} ${high}${of && ` ${of}`}`;
  return '';
}
