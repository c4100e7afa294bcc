// Deployments: those that were, and a new one from a template that is dropped, chosen or pasted.
import { html, useState } from '../html.js';
import { list } from '../api.js';
import { parseId, useLab, useLoad } from '../lab.js';
import { Button, Loading, Problem, Table, Tag } from '../parts.js';
import { useRevision } from '../resources/revision.js';
import { stateKind } from '../resources/words.js';
import { New } from './new.js';
import { Progress, useDeployment } from './progress.js';

export default function Deployments({ route }) {
  const [, group, name] = route.path;
  if (group && name) return html`<${One} key=${`${group}/${name}`} group=${group} name=${name}/>`;
  return html`<${All} group=${route.query.get('group') ?? ''}/>`;
}

function All({ group }) {
  const { subscription } = useLab();
  const [dropped, drop] = useState(null);
  const stored = useRevision();
  const found = useLoad(signal => deployments(subscription, signal), [subscription], [stored]);
  const rows = (found.value ?? []).filter(row => !group || row.group === group);
  const take = async files =>
    drop({ files: await Promise.all([...files].map(async file => ({ name: file.name, text: await file.text() }))) });
  return html`<div class="page deployments"><header><h1>Deployments</h1>${
    group &&
    html`<${Tag}
    kind="info">Group ${group}<//><a href="#/deployments">Every group</a>`
  }</header>
    ${
      dropped
        ? html`<${New} first=${dropped} group=${group} close=${() => {
            drop(null);
            found.again();
          }}/>`
        : html`<${Zone} take=${take} paste=${() => drop({ files: [] })}/>`
    }
    <section class="card" aria-label="Deployments that were"><h2>Deployments that were</h2><${Problem}
      error=${found.error}/>${!found.value && found.loading && html`<${Loading}/>`}
      ${
        found.value &&
        html`<${Table} label="Deployments" rows=${rows} columns=${COLUMNS} keyOf=${row => row.id}
        empty="Nothing was deployed yet."/>`
      }</section></div>`;
}

/** Those of the subscription and of each of its groups, newest first. */
async function deployments(subscription, signal) {
  const groups = await list(`${subscription}/resourceGroups`, { signal });
  const scopes = [subscription, ...groups.map(group => group.id)];
  const lists = await Promise.all(
    scopes.map(scope => list(`${scope}/providers/Microsoft.Resources/deployments`, { signal })),
  );
  const rows = lists.flat().map(row => ({ ...row, group: parseId(row.id).group }));
  return rows.sort((a, b) => b.properties.timestamp.localeCompare(a.properties.timestamp));
}

const COLUMNS = [
  {
    name: 'Name',
    of: row => row.name,
    show: row =>
      row.group
        ? html`<a class="nowrap" href=${`#/deployments/${encodeURIComponent(row.group)}/${encodeURIComponent(row.name)}`}>${row.name}</a>`
        : row.name,
  },
  { name: 'Group', of: row => row.group || 'of the subscription' },
  {
    name: 'State',
    of: row => row.properties.provisioningState,
    show: row =>
      html`<${Tag} kind=${stateKind(row.properties.provisioningState)}>${row.properties.provisioningState}<//>`,
  },
  {
    name: 'Time',
    of: row => row.properties.timestamp,
    show: row =>
      html`<time datetime=${row.properties.timestamp}>${new Date(row.properties.timestamp).toLocaleString()}</time>`,
  },
  { name: 'Resources', of: row => row.properties.outputResources?.length ?? '', number: true },
  { name: 'Why', of: row => row.properties.error?.message ?? '' },
];

function Zone({ take, paste }) {
  const [over, hover] = useState(false);
  const stop = event => event.preventDefault();
  return html`<section class=${`drop card ${over ? 'over' : ''}`} aria-label="New deployment" onDragOver=${e => {
    stop(e);
    hover(true);
  }} onDragLeave=${() => hover(false)}
    onDrop=${e => {
      stop(e);
      hover(false);
      take(e.dataTransfer.files);
    }}>
    <h2>New deployment</h2><p class="quiet">Drop an ARM template here, and a parameter file with it.</p>
    <div class="actions"><label class="button">Choose files<input class="away" type="file" multiple
      accept=".json,application/json" aria-label="Template files" onChange=${e => take(e.target.files)}/></label>
      <${Button} onClick=${paste}>Paste a template<//></div></section>`;
}

function One({ group, name }) {
  const { subscription } = useLab();
  const found = useDeployment(
    `${subscription}/resourceGroups/${group}/providers/Microsoft.Resources/deployments/${name}`,
  );
  return html`<div class="page deployments"><header><div><p class="crumbs"><a
    href="#/deployments">Deployments</a> › <a href=${`#/deployments?group=${encodeURIComponent(group)}`}>${group}</a>
    </p><h1>${name}</h1></div></header>
    <div class="card"><${Progress} of=${found}/></div></div>`;
}
