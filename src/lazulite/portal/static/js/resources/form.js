// A form made from a schema: one field for each property that may be written, the error of each below it.
import { html } from '../html.js';
import { Button, Field, Problem } from '../parts.js';
import { AnyReference, join, labelOf, Pair, Reference, References, Simple, useTyped } from './inputs.js';
import { idle, paired, resolve, writable } from './schema.js';
import { oneOf, spoken, within } from './words.js';

/** What people look for first, where a type has it. */
const FIRST = [
  'priority',
  'direction',
  'access',
  'protocol',
  'sourceAddressPrefix',
  'sourcePortRange',
  'destinationAddressPrefix',
  'destinationPortRange',
  'addressSpace',
  'addressPrefix',
  'nextHopType',
  'nextHopIpAddress',
];
/**
 * Fields of an object. `value` is the object, `change(path, next)` is told of edits, `errors(path)` gives the sentence
 * about a path. `skip` are names that are shown elsewhere. What is stored without effect stands apart, folded away.
 */
export function Fields({ root, schema, value, path, change, errors, skip = [], fixed = false }) {
  const rows = paired(
    inOrder(writable(root, schema).filter(row => !skip.includes(row.name) && row.schema.effect !== 'refused')),
  );
  const acted = rows.filter(row => !idle(root, row.schema) || row.required);
  const kept = rows.filter(row => !acted.includes(row));
  const one = row =>
    row.many
      ? html`<${Pair} key=${row.name} row=${row} value=${value} path=${path} change=${change} errors=${errors}/>`
      : html`<${Property} key=${row.name} root=${root} row=${row}
    value=${value?.[row.name]} path=${join(path, row.name)} change=${change} errors=${errors} fixed=${fixed}/>`;
  return html`${acted.map(one)}${
    kept.length > 0 &&
    html`<details class="kept"><summary>Stored without effect (${kept.length})</summary>
    <div class="fields two">${kept.map(one)}</div></details>`
  }`;
}

const place = row => (FIRST.includes(row.name) ? FIRST.indexOf(row.name) : FIRST.length);
const inOrder = rows => [...rows].sort((a, b) => place(a) - place(b));

function Property({ fixed: whole, ...rest }) {
  const { row, root } = rest;
  const schema = row.schema;
  const props = { ...rest, fixed: whole && schema.immutable };
  if (schema.target && schema.type !== 'array') return html`<${Reference} ...${props}/>`;
  if (schema.type === 'array') return html`<${List} ...${props}/>`;
  if (schema.properties?.id?.format === 'arm-id') return html`<${AnyReference} ...${props}/>`;
  if (schema.type === 'object' && schema.properties) return html`<${Group} ...${props} root=${root} fixed=${whole}/>`;
  return html`<${Simple} ...${props}/>`;
}

function Group({ row, root, value, path, change, errors, fixed }) {
  return html`<fieldset><legend>${spoken(row.name)}</legend><div class="fields two">
    <${Fields} root=${root} schema=${row.schema} value=${value ?? {}} path=${path} change=${change} errors=${errors}
      fixed=${fixed}/></div></fieldset>`;
}

function List(props) {
  const item = resolve(props.root, props.row.schema.items);
  if (item.target) return html`<${References} ...${props} item=${item}/>`;
  if (item.type === 'object' && item.properties) return html`<${Objects} ...${props} item=${item}/>`;
  if (item.type === 'string' || item.enum || item.type === 'integer') return html`<${Words} ...${props} item=${item}/>`;
  return html`<${Simple} ...${props} row=${{ ...props.row, schema: {} }}/>`;
}

/** One a line. */
function Words({ row, value, path, change, errors, item, fixed }) {
  const rows = value ?? [];
  const [text, type] = useTyped(rows, rows.join('\n'));
  const bad = rows.map((_, at) => errors(`${path}[${at}]`)).find(Boolean);
  const take = typed => {
    const words = typed
      .split(/[\n,]/)
      .map(word => word.trim())
      .filter(Boolean);
    const next = words.map(word => (item.type === 'integer' ? Number(word) : word));
    type(typed, next);
    change(path, next);
  };
  return html`<${Field} label=${labelOf(row)} error=${errors(path) ?? bad}
    hint=${row.schema.description ?? (item.enum ? `${item.enum.join(' or ')}; one a line` : 'One a line.')}>
    <textarea name=${path} disabled=${fixed} rows=${Math.min(6, Math.max(2, rows.length))} spellcheck=${false}
      value=${text} onInput=${e => take(e.target.value)}/><//>`;
}

function Objects({ row, root, value, path, change, errors, item, fixed }) {
  const rows = value ?? [];
  const named = Boolean(item.properties.name && item.properties.properties);
  const add = () =>
    change(path, [...rows, named ? { name: `${row.name.replace(/s$/, '')}${rows.length + 1}`, properties: {} } : {}]);
  const remove = at =>
    change(
      path,
      rows.filter((_, index) => index !== at),
    );
  return html`<fieldset><legend>${labelOf(row)}</legend>
    ${rows.map(
      (
        entry,
        at,
      ) => html`<${Entry} key=${at} root=${root} item=${item} named=${named} entry=${entry} path=${`${path}[${at}]`}
        change=${change}
      errors=${errors} remove=${() => remove(at)} title=${entry?.name ?? `${oneOf(row.name)} ${at + 1}`}/>`,
    )}
    ${errors(path) && html`<small class="wrong" role="alert">${errors(path)}</small>`}
    <${Button} disabled=${fixed} onClick=${add}>Add ${within(oneOf(row.name))}<//></fieldset>`;
}

function Entry({ root, item, named, entry, path, change, errors, remove, title }) {
  const inner = named ? resolve(root, item.properties.properties) : item;
  const value = named ? entry?.properties : entry;
  return html`<fieldset class="entry"><legend>${title}</legend><div class="fields two">
    ${
      named &&
      html`<${Field} label="Name *" error=${errors(`${path}.name`)}><input type="text"
      value=${entry?.name ?? ''} onInput=${e => change(`${path}.name`, e.target.value)}/><//>`
    }
    <${Fields} root=${root} schema=${inner} value=${value ?? {}} path=${named ? `${path}.properties` : path}
      change=${change} errors=${errors}/></div>
    <${Button} aria-label=${`Remove ${title}`} onClick=${remove}>Remove<//></fieldset>`;
}

/** From an ApiError a function of paths to the sentence about each; codes stand before it, as Azure names them. */
export function errorsOf(error) {
  const rows = error?.rows ?? [];
  return path => {
    const found = rows.filter(row => row.target && strip(row.target) === path.toLowerCase());
    return found.length ? found.map(row => `${row.code}: ${row.message}`).join(' ') : undefined;
  };
}

const strip = target => target.toLowerCase().replace(/^\$\./, '');

/** What was refused, each violation once; those of fields that are seen stand below them as well. */
export function Refusal({ error }) {
  if (!error?.details?.length) return html`<${Problem} error=${error}/>`;
  return html`<div class="problem" role="alert"><ul>${error.details.map(
    row => html`<li>
    <b>${row.code}</b> ${row.message}</li>`,
  )}</ul></div>`;
}
