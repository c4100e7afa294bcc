// The activity log: who changed what, when, and how it ended.
import { html, useState } from '../html.js';
import { list } from '../api.js';
import { resourcePath, useLab, useLoad } from '../lab.js';
import { Loading, Problem, Table, Tag } from '../parts.js';
import { since } from './paths.js';
import { useRevision } from './revision.js';
import { shortId, stateKind } from './words.js';

const SPANS = [
  [1, 'Last hour'],
  [24, 'Last day'],
  [720, 'Last 30 days'],
];

export default function Activity({ route }) {
  const group = route.query.get('group') ?? '';
  return html`<div class="page"><header><h1>Activity log</h1>${
    group &&
    html`<${Tag} kind="info">Group ${group}<//><a
    href="#/activity">Every group</a>`
  }</header>
    <div class="card"><${Log} group=${group}/></div></div>`;
}

/** Events of a resource and of what is below it, of a group, or of the whole subscription. */
export function Log({ id = '', group = '' }) {
  const { subscription } = useLab();
  const [hours, setHours] = useState(24);
  const [caller, setCaller] = useState('');
  const [status, setStatus] = useState('');
  const applied = useRevision('applied');
  const within = group ? ` and resourceGroupName eq '${group}'` : '';
  const scope = id ? `/subscriptions/${id.split('/')[2]}` : subscription;
  const found = useLoad(
    signal =>
      list(
        `${scope}/providers/Microsoft.Insights/eventtypes/management/values?$filter=${encodeURIComponent(since(hours) + within)}`,
        { signal },
      ),
    [scope, hours, within], [applied],
  );
  const events = concluded((found.value ?? []).filter(event => below(event.resourceId, id)));
  const rows = events.filter(
    event => (!caller || event.caller === caller) && (!status || event.status.value === status),
  );
  return html`<section aria-label="Activity"><div class="filters" role="group" aria-label="Filters of the log">
      <label>Time<select value=${hours}
        onChange=${e => setHours(Number(e.target.value))}>${SPANS.map(
          ([n, label]) => html`<option value=${n}
        selected=${n === hours}>${label}</option>`,
        )}</select></label>
      <${Choice} label="Caller" words=${events.map(event => event.caller)} value=${caller} set=${setCaller}/>
      <${Choice} label="Status" words=${events.map(event => event.status.value)} value=${status} set=${setStatus}/>
        </div>
    <${Problem} error=${found.error}/>${!found.value && found.loading && html`<${Loading}/>`}
    ${
      found.value &&
      html`<${Table} label="Activity" rows=${rows} columns=${COLUMNS}
      keyOf=${event => event.eventDataId} empty="Nothing was changed in that time."/>`
    }</section>`;
}

const below = (resource, id) =>
  !id || resource.toLowerCase() === id.toLowerCase() || resource.toLowerCase().startsWith(`${id.toLowerCase()}/`);

/** The last that is known of each call: its beginning says nothing that its end does not. */
export function concluded(events) {
  const seen = new Set();
  return events.filter(event => {
    const key = `${event.operationId} ${event.operationName.value} ${event.resourceId}`.toLowerCase();
    return !seen.has(key) && seen.add(key);
  });
}

const Choice = ({
  label,
  words,
  value,
  set,
}) => html`<label>${label}<select value=${value} onChange=${e => set(e.target.value)}><option value="">All</option>
  ${[...new Set(words)].sort().map(
    word => html`<option key=${word} value=${word}
    selected=${word === value}>${word}</option>`,
  )}</select></label>`;

const COLUMNS = [
  {
    name: 'Time',
    of: event => event.eventTimestamp,
    show: event =>
      html`<time datetime=${event.eventTimestamp}>${new Date(event.eventTimestamp).toLocaleString()}</time>`,
  },
  {
    name: 'Status',
    of: event => event.status.value,
    show: event => html`<${Tag} kind=${stateKind(event.status.value)}>${event.status.value}<//>`,
  },
  {
    name: 'Operation',
    of: event => (event.authorization?.action ?? event.operationName.value).split('/').slice(1).join('/'),
  },
  {
    name: 'Resource',
    of: event => shortId(event.resourceId),
    show: event =>
      html`<a href=${/\/providers\//i.test(event.resourceId) ? `#${resourcePath(event.resourceId)}` : '#/resources'}>${shortId(event.resourceId)}</a>`,
  },
  {
    name: 'Caller',
    of: event => event.caller,
    show: event =>
      html`<span title=${event.caller}>${/^[0-9a-f-]{36}$/i.test(event.caller) ? `${event.caller.slice(0, 8)}…` : event.caller}</span>`,
  },
  {
    name: 'Why',
    of: event => event.properties?.statusMessage ?? event.description ?? '',
    show: event => html`<span class="because">${event.properties?.statusMessage ?? event.description ?? ''}</span>`,
  },
];
