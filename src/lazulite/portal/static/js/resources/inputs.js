// Single fields of a form: words, numbers, choices, references, and what is written singular or plural.
import { html, useState } from '../html.js';
import { Field } from '../parts.js';
import { useChoices } from './choices.js';
import { allowed } from './schema.js';
import { spoken } from './words.js';

const PLACES = ['*', 'VirtualNetwork', 'Internet', 'AzureLoadBalancer'];
/** Words that are offered where any text may stand. */
const OFFERED = {
  protocol: ['Tcp', 'Udp', 'Icmp', 'Esp', 'Ah', '*'],
  sourceAddressPrefix: PLACES,
  destinationAddressPrefix: PLACES,
  sourcePortRange: ['*'],
  destinationPortRange: ['*', '22', '80', '443'],
};

export const join = (path, name) => (path ? `${path}.${name}` : name);

export const labelOf = row => (row.required ? `${spoken(row.name)} *` : spoken(row.name));

export function Simple({ row, value, path, change, errors, fixed }) {
  const { schema } = row;
  const set = next => change(path, next === '' ? undefined : next);
  const common = { name: path, disabled: fixed };
  return html`<${Field} label=${labelOf(row)} error=${errors(path)}
    hint=${hintOf(schema, fixed)}>${input(schema, value, set, common)}<//><${Offered} name=${row.name}/>`;
}

function hintOf(schema, fixed) {
  if (fixed) return 'Fixed at creation.';
  if (schema.description) return schema.description.split('\n')[0];
  return schema.minimum !== undefined ? allowed(schema) : undefined;
}

function input(schema, value, set, common) {
  if (schema.enum)
    return select(
      schema.enum.map(word => [word, word]),
      value ?? '',
      set,
      common,
    );
  if (schema.type === 'boolean')
    return select(
      [
        ['true', 'Yes'],
        ['false', 'No'],
      ],
      value === undefined || value === null ? '' : String(value),
      word => set(word === '' ? '' : word === 'true'),
      common,
    );
  if (schema.type === 'integer' || schema.type === 'number') {
    return html`<input type="number" min=${schema.minimum} max=${schema.maximum} value=${value ?? ''} ...${common}
      onInput=${e => set(e.target.value === '' ? '' : Number(e.target.value))}/>`;
  }
  if (schema.type === 'object' || schema.type === undefined)
    return html`<${Raw} value=${value} set=${set} ...${common}/>`;
  if (schema.writeOnly)
    return html`<textarea rows="2" placeholder="not shown" value=${value ?? ''} ...${common}
      onInput=${e => set(e.target.value)}/>`;
  const name = common.name.split('.').at(-1);
  return html`<input type="text" autocomplete="off" value=${value ?? ''} placeholder=${schema.default ?? ''}
    list=${OFFERED[name] && `offered-${name}`} ...${common} onInput=${e => set(e.target.value)}/>`;
}

const select = (
  options,
  value,
  set,
  common,
) => html`<select value=${value} ...${common} onChange=${e => set(e.target.value)}>
  <option value="">${value === '' ? '(default)' : '(remove)'}</option>
  ${options.map(
    ([word, label]) => html`<option key=${word} value=${word}
    selected=${word === value}>${label}</option>`,
  )}</select>`;

export function Pair({ row, value, path, change, errors }) {
  const { name, many } = row;
  const held = value?.[many]?.length ? value[many] : value?.[name] ? [value[name]] : [];
  const [text, type] = useTyped(held, held.join(', '));
  const bad = [join(path, name), join(path, many), ...held.map((_, at) => `${join(path, many)}[${at}]`)]
    .map(errors)
    .find(Boolean);
  const take = typed => {
    const words = typed
      .split(',')
      .map(word => word.trim())
      .filter(Boolean);
    type(typed, words);
    change(join(path, name), words.length === 1 ? words[0] : undefined);
    change(join(path, many), words.length > 1 ? words : undefined);
  };
  return html`<${Field} label=${labelOf(row)} error=${bad}
    hint=${row.schema.description ?? 'One, or several with commas between.'}>
    <input type="text" name=${join(path, name)} autocomplete="off" list=${OFFERED[name] && `offered-${name}`}
      value=${text} onInput=${e => take(e.target.value)}/><//><${Offered} name=${name}/>`;
}

const Offered = ({ name }) =>
  OFFERED[name] &&
  html`<datalist id=${`offered-${name}`}>${OFFERED[name].map(
    word => html`<option key=${word}
    value=${word}/>`,
  )}</datalist>`;

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
export function useTyped(value, written) {
  const [typed, set] = useState({ text: written, value });
  const ours = JSON.stringify(typed.value ?? null) === JSON.stringify(value ?? null);
  return [ours ? typed.text : written, (text, now) => set({ text, value: now })];
}

export function Reference({ row, value, path, change, errors, fixed }) {
  const found = useChoices(row.schema.target);
  const plain = row.schema.type === 'string';
  const now = (plain ? value : value?.id) ?? '';
  const set = id => change(path, id === '' ? undefined : plain ? id : { id });
  return html`<${Field} label=${labelOf(row)} error=${errors(path)} hint=${hintOf(row.schema, fixed)}>
    <${Choice} name=${path} found=${found} value=${now} set=${set} disabled=${fixed}/><//>`;
}

/** A reference to whatever has an id. */
export const AnyReference = ({
  row,
  value,
  path,
  change,
  errors,
  fixed,
}) => html`<${Field} label=${labelOf(row)} error=${errors(path) ?? errors(`${path}.id`)}
  hint=${hintOf(row.schema, fixed) ?? 'A resource id.'}>
  <input type="text" name=${path} autocomplete="off" disabled=${fixed} value=${value?.id ?? ''}
    onInput=${e => change(path, e.target.value ? { id: e.target.value } : undefined)}/><//>`;

/** A select of resources; the one chosen is there even when the list has not come. */
export function Choice({ found, value, set, none = '(none)', ...rest }) {
  const rows = found.value ?? [];
  const known = rows.find(row => row.id.toLowerCase() === String(value).toLowerCase());
  return html`<select ...${rest} value=${known?.id ?? value} onChange=${e => set(e.target.value)}>
    <option value="">${found.loading && !rows.length ? 'Loading…' : none}</option>
    ${value && !known ? html`<option value=${value} selected>${value}</option>` : null}
    ${rows.map(
      row => html`<option key=${row.id} value=${row.id}
      selected=${row === known}>${row.label}</option>`,
    )}</select>`;
}

export function References({ row, value, path, change, errors, item, fixed }) {
  const found = useChoices(item.target);
  const plain = item.type === 'string';
  const idOf = entry => (plain ? entry : entry.id);
  const rows = value ?? [];
  const held = new Set(rows.map(entry => idOf(entry).toLowerCase()));
  const turn = (id, on) =>
    change(
      path,
      on ? [...rows, plain ? id : { id }] : rows.filter(entry => idOf(entry).toLowerCase() !== id.toLowerCase()),
    );
  const bad = errors(path) ?? rows.map((_, at) => errors(`${path}[${at}]`)).find(Boolean);
  if (!row.required && !bad && rows.length === 0 && !found.value?.length) return null;
  return html`<fieldset><legend>${labelOf(row)}</legend>
    ${(found.value ?? []).map(
      choice => html`<label class="check" key=${choice.id}><input type="checkbox" disabled=${fixed}
        checked=${held.has(choice.id.toLowerCase())}
      onChange=${e => turn(choice.id, e.target.checked)}/> ${choice.label}</label>`,
    )}
    ${found.value?.length === 0 && html`<small class="quiet">There is none to choose.</small>`}
    ${bad && html`<small class="wrong" role="alert">${bad}</small>`}</fieldset>`;
}
