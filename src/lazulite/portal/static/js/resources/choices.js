// What a reference can lead to: resources and children of a type, as rows {id, label}.
import { list } from '../api.js';
import { useLab, useLoad } from '../lab.js';
import { shortId } from './words.js';

/** {value: [{id, label}], loading, error} of everything of a full type in the subscription; of none without a type. */
export function useChoices(type) {
  const { subscription } = useLab();
  return useLoad(signal => (type ? choices(subscription, type, signal) : Promise.resolve([])), [subscription, type]);
}

async function choices(subscription, type, signal) {
  const [namespace, first, ...wires] = type.split('/');
  const owners = await list(`${subscription}/providers/${namespace}/${first}`, { signal });
  const found = wires.reduce((rows, wire) => rows.flatMap(row => childrenOf(row, wire)), owners);
  return found.map(row => ({ id: row.id, label: labelOf(row.id), row })).sort((a, b) => a.label.localeCompare(b.label));
}

function childrenOf(row, wire) {
  const name = Object.keys(row.properties ?? {}).find(n => n.toLowerCase() === wire.toLowerCase());
  return row.properties?.[name] ?? [];
}

/** `hub / web (demo)`: names from the resource down, and its group. */
export function labelOf(id) {
  const group = /\/resourceGroups\/([^/]+)/i.exec(id)?.[1];
  const names = shortId(id)
    .split('/')
    .filter((_, at) => at % 2 === 1);
  return group ? `${names.join(' / ')} (${group})` : names.join(' / ');
}

/** The groups of the subscription: {value: [group], …}. */
export function useGroups() {
  const { subscription } = useLab();
  return useLoad(signal => list(`${subscription}/resourceGroups`, { signal }), [subscription]);
}
