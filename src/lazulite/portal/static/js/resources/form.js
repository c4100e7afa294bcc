// A form made from a schema: one field for each property that may be written, the error of each below it.
import { html, useState } from '../html.js';
import { Button, Field, Problem } from '../parts.js';
import { useChoices } from './choices.js';
import { allowed, idle, paired, resolve, writable } from './schema.js';
import { oneOf, spoken, within } from './words.js';

/** What people look for first, where a type has it. */
const FIRST = ['priority', 'direction', 'access', 'protocol', 'sourceAddressPrefix', 'sourcePortRange', 'destinationAddressPrefix', 'destinationPortRange', 'addressSpace', 'addressPrefix', 'nextHopType', 'nextHopIpAddress'];
const PLACES = ['*', 'VirtualNetwork', 'Internet', 'AzureLoadBalancer'];
/** Words that are offered where any text may stand. */
const OFFERED = { protocol: ['Tcp', 'Udp', 'Icmp', 'Esp', 'Ah', '*'], sourceAddressPrefix: PLACES, destinationAddressPrefix: PLACES, sourcePortRange: ['*'], destinationPortRange: ['*', '22', '80', '443'] };

/**
 * Fields of an object. `value` is the object, `change(path, next)` is told of edits, `errors(path)` gives the sentence
 * about a path. `skip` are names that are shown elsewhere. What is stored without effect stands apart, folded away.
 */
export function Fields({ root, schema, value, path, change, errors, skip = [], fixed = false }) {
  const rows = paired(inOrder(writable(root, schema).filter(row => !skip.includes(row.name) && row.schema.effect !== 'refused')));
  const acted = rows.filter(row => !idle(root, row.schema) || row.required);
  const kept = rows.filter(row => !acted.includes(row));
  const one = row => (row.many ? html`<${Pair} key=${row.name} row=${row} value=${value} path=${path} change=${change} errors=${errors}/>` : html`<${Property} key=${row.name} root=${root} row=${row}
    value=${value?.[row.name]} path=${join(path, row.name)} change=${change} errors=${errors} fixed=${fixed}/>`);
  return html`${acted.map(one)}${kept.length > 0 && html`<details class="kept"><summary>Stored without effect (${kept.length})</summary>
    <div class="fields two">${kept.map(one)}</div></details>`}`;
}

const place = row => (FIRST.includes(row.name) ? FIRST.indexOf(row.name) : FIRST.length);
const inOrder = rows => [...rows].sort((a, b) => place(a) - place(b));

const join = (path, name) => (path ? `${path}.${name}` : name);

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

const labelOf = row => (row.required ? `${spoken(row.name)} *` : spoken(row.name));

function Simple({ row, value, path, change, errors, fixed }) {
  const { schema } = row;
  const set = next => change(path, next === '' ? undefined : next);
  const common = { name: path, disabled: fixed };
  return html`<${Field} label=${labelOf(row)} error=${errors(path)} hint=${hintOf(schema, fixed)}>${input(schema, value, set, common)}<//><${Offered} name=${row.name}/>`;
}

function hintOf(schema, fixed) {
  if (fixed) return 'Fixed at creation.';
  if (schema.description) return schema.description.split('\n')[0];
  return schema.minimum !== undefined ? allowed(schema) : undefined;
}

function input(schema, value, set, common) {
  if (schema.enum) return select(schema.enum.map(word => [word, word]), value ?? '', set, common);
  if (schema.type === 'boolean') return select([['true', 'Yes'], ['false', 'No']], value === undefined || value === null ? '' : String(value), word => set(word === '' ? '' : word === 'true'), common);
  if (schema.type === 'integer' || schema.type === 'number') {
    return html`<input type="number" min=${schema.minimum} max=${schema.maximum} value=${value ?? ''} ...${common}
      onInput=${e => set(e.target.value === '' ? '' : Number(e.target.value))}/>`;
  }
  if (schema.type === 'object' || schema.type === undefined) return html`<${Raw} value=${value} set=${set} ...${common}/>`;
  if (schema.writeOnly) return html`<textarea rows="2" placeholder="not shown" value=${value ?? ''} ...${common} onInput=${e => set(e.target.value)}/>`;
  const name = common.name.split('.').at(-1);
  return html`<input type="text" autocomplete="off" value=${value ?? ''} placeholder=${schema.default ?? ''} list=${OFFERED[name] && `offered-${name}`} ...${common} onInput=${e => set(e.target.value)}/>`;
}

const select = (options, value, set, common) => html`<select value=${value} ...${common} onChange=${e => set(e.target.value)}>
  <option value="">${value === '' ? '(default)' : '(remove)'}</option>
  ${options.map(([word, label]) => html`<option key=${word} value=${word} selected=${word === value}>${label}</option>`)}</select>`;

function Pair({ row, value, path, change, errors }) {
  const { name, many } = row;
  const held = value?.[many]?.length ? value[many] : value?.[name] ? [value[name]] : [];
  const [text, type] = useTyped(held, held.join(', '));
  const bad = [join(path, name), join(path, many), ...held.map((_, at) => `${join(path, many)}[${at}]`)].map(errors).find(Boolean);
  const take = typed => {
    const words = typed.split(',').map(word => word.trim()).filter(Boolean);
    type(typed, words);
    change(join(path, name), words.length === 1 ? words[0] : undefined);
    change(join(path, many), words.length > 1 ? words : undefined);
  };
  return html`<${Field} label=${labelOf(row)} error=${bad} hint=${row.schema.description ?? 'One, or several with commas between.'}>
    <input type="text" name=${join(path, name)} autocomplete="off" list=${OFFERED[name] && `offered-${name}`} value=${text} onInput=${e => take(e.target.value)}/><//><${Offered} name=${name}/>`;
}

const Offered = ({ name }) => OFFERED[name] && html`<datalist id=${`offered-${name}`}>${OFFERED[name].map(word => html`<option key=${word} value=${word}/>`)}</datalist>`;

/** Objects without declared properties are JSON. */
function Raw({ value, set, ...common }) {
  const [text, type] = useTyped(value, value === undefined ? '' : JSON.stringify(value));
  const take = event => {
    const typed = event.target.value;
    try {
      const next = typed.trim() ? JSON.parse(typed) : '';
      type(typed, next === '' ? undefined : next);
      set(next);
      event.target.setCustomValidity('');
    } catch (problem) {
      type(typed, value);
      event.target.setCustomValidity(problem.message);
    }
  };
  return html`<textarea class="mono" rows="2" spellcheck=${false} ...${common} value=${text} onInput=${take}/>`;
}

/** What is typed stays as it was typed until the value becomes another one from elsewhere. */
function useTyped(value, written) {
  const [typed, set] = useState({ text: written, value });
  const ours = JSON.stringify(typed.value ?? null) === JSON.stringify(value ?? null);
  return [ours ? typed.text : written, (text, now) => set({ text, value: now })];
}

function Reference({ row, value, path, change, errors, fixed }) {
  const found = useChoices(row.schema.target);
  const plain = row.schema.type === 'string';
  const now = (plain ? value : value?.id) ?? '';
  const set = id => change(path, id === '' ? undefined : plain ? id : { id });
  return html`<${Field} label=${labelOf(row)} error=${errors(path)} hint=${hintOf(row.schema, fixed)}>
    <${Choice} name=${path} found=${found} value=${now} set=${set} disabled=${fixed}/><//>`;
}

/** A reference to whatever has an id. */
const AnyReference = ({ row, value, path, change, errors, fixed }) => html`<${Field} label=${labelOf(row)} error=${errors(path) ?? errors(`${path}.id`)} hint=${hintOf(row.schema, fixed) ?? 'A resource id.'}>
  <input type="text" name=${path} autocomplete="off" disabled=${fixed} value=${value?.id ?? ''} onInput=${e => change(path, e.target.value ? { id: e.target.value } : undefined)}/><//>`;

/** A select of resources; the one chosen is there even when the list has not come. */
export function Choice({ found, value, set, none = '(none)', ...rest }) {
  const rows = found.value ?? [];
  const known = rows.find(row => row.id.toLowerCase() === String(value).toLowerCase());
  return html`<select ...${rest} value=${known?.id ?? value} onChange=${e => set(e.target.value)}>
    <option value="">${found.loading && !rows.length ? 'Loading…' : none}</option>
    ${value && !known ? html`<option value=${value} selected>${value}</option>` : null}
    ${rows.map(row => html`<option key=${row.id} value=${row.id} selected=${row === known}>${row.label}</option>`)}</select>`;
}

function Group({ row, root, value, path, change, errors, fixed }) {
  return html`<fieldset><legend>${spoken(row.name)}</legend><div class="fields two">
    <${Fields} root=${root} schema=${row.schema} value=${value ?? {}} path=${path} change=${change} errors=${errors} fixed=${fixed}/></div></fieldset>`;
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
    const words = typed.split(/[\n,]/).map(word => word.trim()).filter(Boolean);
    const next = words.map(word => (item.type === 'integer' ? Number(word) : word));
    type(typed, next);
    change(path, next);
  };
  return html`<${Field} label=${labelOf(row)} error=${errors(path) ?? bad} hint=${row.schema.description ?? (item.enum ? `${item.enum.join(' or ')}; one a line` : 'One a line.')}>
    <textarea name=${path} disabled=${fixed} rows=${Math.min(6, Math.max(2, rows.length))} spellcheck=${false} value=${text} onInput=${e => take(e.target.value)}/><//>`;
}

function References({ row, value, path, change, errors, item, fixed }) {
  const found = useChoices(item.target);
  const plain = item.type === 'string';
  const idOf = entry => (plain ? entry : entry.id);
  const rows = value ?? [];
  const held = new Set(rows.map(entry => idOf(entry).toLowerCase()));
  const turn = (id, on) => change(path, on ? [...rows, plain ? id : { id }] : rows.filter(entry => idOf(entry).toLowerCase() !== id.toLowerCase()));
  const bad = errors(path) ?? rows.map((_, at) => errors(`${path}[${at}]`)).find(Boolean);
  if (!row.required && !bad && rows.length === 0 && !found.value?.length) return null;
  return html`<fieldset><legend>${labelOf(row)}</legend>
    ${(found.value ?? []).map(choice => html`<label class="check" key=${choice.id}><input type="checkbox" disabled=${fixed} checked=${held.has(choice.id.toLowerCase())}
      onChange=${e => turn(choice.id, e.target.checked)}/> ${choice.label}</label>`)}
    ${found.value?.length === 0 && html`<small class="quiet">There is none to choose.</small>`}
    ${bad && html`<small class="wrong" role="alert">${bad}</small>`}</fieldset>`;
}

function Objects({ row, root, value, path, change, errors, item, fixed }) {
  const rows = value ?? [];
  const named = Boolean(item.properties.name && item.properties.properties);
  const add = () => change(path, [...rows, named ? { name: `${row.name.replace(/s$/, '')}${rows.length + 1}`, properties: {} } : {}]);
  const remove = at => change(path, rows.filter((_, index) => index !== at));
  return html`<fieldset><legend>${labelOf(row)}</legend>
    ${rows.map((entry, at) => html`<${Entry} key=${at} root=${root} item=${item} named=${named} entry=${entry} path=${`${path}[${at}]`} change=${change}
      errors=${errors} remove=${() => remove(at)} title=${entry?.name ?? `${oneOf(row.name)} ${at + 1}`}/>`)}
    ${errors(path) && html`<small class="wrong" role="alert">${errors(path)}</small>`}
    <${Button} disabled=${fixed} onClick=${add}>Add ${within(oneOf(row.name))}<//></fieldset>`;
}

function Entry({ root, item, named, entry, path, change, errors, remove, title }) {
  const inner = named ? resolve(root, item.properties.properties) : item;
  const value = named ? entry?.properties : entry;
  return html`<fieldset class="entry"><legend>${title}</legend><div class="fields two">
    ${named && html`<${Field} label="Name *" error=${errors(`${path}.name`)}><input type="text" value=${entry?.name ?? ''} onInput=${e => change(`${path}.name`, e.target.value)}/><//>`}
    <${Fields} root=${root} schema=${inner} value=${value ?? {}} path=${named ? `${path}.properties` : path} change=${change} errors=${errors}/></div>
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
  return html`<div class="problem" role="alert"><ul>${error.details.map(row => html`<li><b>${row.code}</b> ${row.message}</li>`)}</ul></div>`;
}
