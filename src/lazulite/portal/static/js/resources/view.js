// Every resource: a tree by type and by group, and a table with filters.
import { html, useState } from '../html.js';
import { get, list } from '../api.js';
import { parseId, resourcePath, useLab, useLoad } from '../lab.js';
import { Button, Empty, Loading, Problem, Table, Tag } from '../parts.js';
import { createPath } from './paths.js';
import { DeleteDialog } from './remove.js';
import { useRevision } from './revision.js';
import { oneOf, stateKind, titleOf } from './words.js';

/** What can be made by a wizard, in the order of a network's growth. */
export const KINDS = [
  ['network', 'Virtual network'],
  ['machine', 'Virtual machine'],
  ['group', 'Network security group'],
  ['rule', 'Security rule'],
  ['route', 'Route'],
  ['address', 'Public IP address'],
  ['balancer', 'Load balancer'],
  ['zone', 'DNS zone'],
  ['record', 'DNS record'],
];

export default function Resources({ route }) {
  const { subscriptions, subscription } = useLab();
  const [chosen, choose] = useState(subscription);
  const listed = useLoad(signal => everything(chosen, signal), [chosen], [useRevision()]);
  const status = useLoad(signal => get('/lazulite/status', { signal }), [], [useRevision('applied')]);
  const [filters, setFilters] = useState({});
  const type = route.path[1] ? route.path.slice(1).join('/') : '';
  const set = (name, value) => setFilters(now => ({ ...now, [name]: value }));
  const error = listed.error ?? status.error;
  if (error) return html`<div class="page"><h1>Resources</h1><${Problem} error=${error}/></div>`;
  if (!listed.value || !status.value) return html`<div class="page"><h1>Resources</h1><${Loading}/></div>`;
  const every = refused(listed.value, status.value.refusals);
  const rows = every.filter(row => matches(row, { ...filters, type }));
  return html`<div class="page resources"><header><h1>${type ? titleOf(type) : 'Resources'}</h1>
      <div class="tools">${
        subscriptions.length > 1 &&
        html`<select aria-label="Subscription" value=${chosen} onChange=${e => choose(e.target.value)}>
        ${subscriptions.map(s => html`<option key=${s.id} value=${s.id}>${s.displayName}</option>`)}</select>`
      }<${Create}/></div></header>
    <div class="split"><${Tree} rows=${every} type=${type}
      group=${filters.group ?? ''} group_=${name => set('group', name)}/>
      <section aria-label="Resources" class="card"><${Filters} rows=${every} filters=${filters} set=${set}/>
        <${Chosen} group=${filters.group} subscription=${chosen} again=${listed.again}/>
        ${
          every.length === 0
            ? html`<${Empty} title="Nothing here yet">Create a network, or drop a template on <a
              href="#/deployments">Deployments</a>.<//>`
            : html`<${Table} label="Resources" rows=${rows} columns=${COLUMNS} keyOf=${row => row.id}
              empty="No resource has all of these."/>`
        }</section></div></div>`;
}

async function everything(subscription, signal) {
  const rows = await list(`${subscription}/resources?$expand=provisioningState,changedTime`, { signal });
  return rows.map(row => ({ ...row, group: parseId(row.id).group }));
}

/** Resources with what the machine refused of them. */
function refused(rows, refusals) {
  if (!refusals.length) return rows;
  const keyed = refusals.map(refusal => ({ ...refusal, key: refusal.origin.toLowerCase() }));
  return rows.map(row => ({ ...row, refusal: refusalOf(row.id, keyed) }));
}

/** What the machine refused of a resource or of what stands below it. */
export function refusalOf(id, refusals) {
  const key = id.toLowerCase();
  return (
    refusals.find(
      refusal =>
        (refusal.key ?? refusal.origin.toLowerCase()) === key ||
        (refusal.key ?? refusal.origin.toLowerCase()).startsWith(`${key}/`),
    )?.message ?? ''
  );
}

const stateOf = row => (row.refusal ? 'Refused' : row.provisioningState);
const tagsOf = row => Object.entries(row.tags ?? {}).map(([name, value]) => (value ? `${name}: ${value}` : name));
const matches = (row, { type, group, location, state, tag }) =>
  (!type || row.type.toLowerCase() === type.toLowerCase()) &&
  (!group || row.group === group) &&
  (!location || row.location === location) &&
  (!state || stateOf(row) === state) &&
  (!tag || tagsOf(row).includes(tag));

const COLUMNS = [
  { name: 'Name', of: row => row.name, show: row => html`<a href=${`#${resourcePath(row.id)}`}>${row.name}</a>` },
  { name: 'Type', of: row => oneOf(row.type) },
  { name: 'Group', of: row => row.group },
  { name: 'Location', of: row => row.location ?? '' },
  {
    name: 'State',
    of: stateOf,
    show: row =>
      html`<${Tag} kind=${stateKind(stateOf(row))}>${stateOf(row)}<//>${
        row.refusal &&
        html`<small
        class="wrong why">${row.refusal}</small>`
      }`,
  },
  {
    name: 'Tags',
    of: row => tagsOf(row).join(' '),
    show: row => tagsOf(row).map(tag => html`<${Tag} key=${tag}>${tag}<//> `),
  },
];

function Filters({ rows, filters, set }) {
  const choice = (name, label, of) => {
    const words = [...new Set(rows.flatMap(of).filter(Boolean))].sort();
    return html`<label>${label}<select value=${filters[name] ?? ''} onChange=${e => set(name, e.target.value)}><option
      value="">All</option>
      ${words.map(
        word => html`<option key=${word} value=${word}
        selected=${filters[name] === word}>${word}</option>`,
      )}</select></label>`;
  };
  return html`<div class="filters" role="group"
    aria-label="Filters">${choice('group', 'Group', row => row.group)}${choice('location', 'Location', row => row.location)}
    ${choice('state', 'State', row => stateOf(row))}${choice('tag', 'Tag', tagsOf)}</div>`;
}

function Tree({ rows, type, group, group_: choose }) {
  const types = counted(rows, row => row.type).sort((a, b) => titleOf(a[0]).localeCompare(titleOf(b[0])));
  const groups = counted(rows, row => row.group).sort((a, b) => a[0].localeCompare(b[0]));
  return html`<div role="navigation" class="tree card" aria-label="Resources by type"><h2>By type</h2><ul>
      <li><a href="#/resources" aria-current=${type ? undefined : 'page'}>All resources <span>${rows.length}</span>
        </a></li>
      ${types.map(
        ([name, count]) => html`<li key=${name}><a href=${`#/resources/${name}`}
        aria-current=${name.toLowerCase() === type.toLowerCase() ? 'page' : undefined}>${titleOf(name)} <span>${count}</span>
        </a></li>`,
      )}</ul>
    <h2>By group</h2><ul>${groups.map(
      ([name, count]) => html`<li key=${name}>
      <button type="button" aria-pressed=${name === group ? 'true' : 'false'}
        onClick=${() => choose(name === group ? '' : name)}>${name} <span>${count}</span></button></li>`,
    )}</ul></div>`;
}

const counted = (rows, of) => [...Map.groupBy(rows, of)].map(([name, held]) => [name, held.length]);

/** The group that is chosen can be deleted whole. */
function Chosen({ group, subscription, again }) {
  const { say } = useLab();
  const [doomed, set] = useState('');
  if (!group) return null;
  const done = () => {
    set(now => (now === group ? '' : now));
    say(`The group ${group} is deleted.`, 'good');
    again();
  };
  return html`<p class="chosen"><b>${group}</b> <a
    href=${`#/deployments?group=${encodeURIComponent(group)}`}>Deployments</a> <${Button} danger
    onClick=${() => set(group)}>Delete group<//></p>
    ${
      doomed === group &&
      html`<${DeleteDialog} ids=${[`${subscription}/resourceGroups/${group}`]} name=${group} careful
      done=${done} close=${() => set('')}/>`
    }`;
}

function Create() {
  const { navigate } = useLab();
  return html`<select class="button primary create" aria-label="Create" value="" onChange=${e => {
    navigate(createPath(e.target.value).slice(1));
  }}>
    <option value="" selected>+ Create</option>${KINDS.map(
      ([kind, label]) => html`<option key=${kind}
      value=${kind}>${label}</option>`,
    )}</select>`;
}
