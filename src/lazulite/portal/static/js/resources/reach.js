// Flows that a change opens or closes, as a plan or the foresight of a delete has them.
import { html } from '../html.js';
import { Table, Tag } from '../parts.js';
import { nameOf } from './words.js';

const EVERY = ['tcp', 'udp', 'icmp', 'esp', 'ah'];
const SHOWN = 4;

/** {differences: [{from, to, changes}]} as rows, one for each change. */
export const flowRows = reachability =>
  (reachability?.differences ?? []).flatMap((row, at) =>
    row.changes.map((change, n) => ({ key: `${at}.${n}`, from: row.from, to: row.to, ...change })),
  );

/** `tcp 22`; `any` for every protocol. */
export function flowsText(change) {
  const every = EVERY.every(protocol => change.protocols.includes(protocol));
  const protocols = every ? 'any' : change.protocols.join(', ');
  return change.destinationPorts === '0-65535' ? protocols : `${protocols} ${change.destinationPorts}`;
}

/** Names of one side, a few of them. */
export function sideText(side) {
  const { names, prefixes } = side;
  if (names.length === 1 && names[0] === 'Internet' && prefixes?.length <= SHOWN)
    return `Internet (${prefixes.join(', ')})`;
  return names.length > SHOWN
    ? `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`
    : names.join(', ');
}

const decided = outcome =>
  outcome.origin ? `${outcome.disposition} (${nameOf(outcome.origin)})` : outcome.disposition;
const COLUMNS = [
  {
    name: 'Becomes',
    of: row => row.becomes,
    show: row => html`<${Tag} kind=${row.becomes === 'allowed' ? 'good' : 'bad'}>${row.becomes}<//>`,
  },
  { name: 'Flows', of: flowsText },
  { name: 'From', of: row => sideText(row.from) },
  { name: 'To', of: row => sideText(row.to) },
  { name: 'Now', of: row => decided(row.now) },
  { name: 'Then', of: row => decided(row.then) },
];

/** The table, or that nothing opens or closes. */
export function Reachability({ of }) {
  const rows = flowRows(of);
  return html`<section aria-label="Reachability"><h3>Reachability</h3>${
    of?.partial && html`<p class="quiet">Only flows between what you may read were looked at.</p>`
  }${
    rows.length === 0
      ? html`<p class="quiet">No flow becomes allowed or denied.</p>`
      : html`<${Table} label="Flows that change" rows=${rows} columns=${COLUMNS} keyOf=${row => row.key}
        filter=${rows.length > 8}/>`
  }</section>`;
}
