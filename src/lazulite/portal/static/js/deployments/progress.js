// A deployment as it goes: each resource with its state, and what failed with its error.
import { html, useEffect, useState } from '../html.js';
import { get, list } from '../api.js';
import { resourcePath } from '../lab.js';
import { Problem, Table, Tag } from '../parts.js';
import { shortId, stateKind } from '../resources/words.js';

const POLL_MS = 250;
const FINAL = new Set(['Succeeded', 'Failed', 'Canceled']);

/** {deployment, operations, error, over} of a deployment's id, asked again until it is over; anew with every `turn`. */
export function useDeployment(id, turn = 0) {
  const [found, set] = useState({});
  useEffect(() => {
    const stop = new AbortController();
    set({});
    watch(id, stop.signal, set).catch(error => stop.signal.aborted || set(now => ({ ...now, error, over: true })));
    return () => stop.abort();
  }, [id, turn]);
  return found;
}

async function watch(id, signal, set) {
  for (;;) {
    const deployment = await get(id, { signal });
    const operations = (await list(`${id}/operations`, { signal })).filter(row => row.properties.targetResource);
    const over = FINAL.has(deployment.properties.provisioningState);
    set({ deployment, operations, over });
    if (over) return;
    await new Promise(done => setTimeout(done, POLL_MS));
  }
}

export function Progress({ of: { deployment, operations = [], error, over } }) {
  if (error) return html`<${Problem} error=${error}/>`;
  if (!deployment) return html`<p class="quiet" role="status">Starting…</p>`;
  const { provisioningState: state, error: why, outputs, outputResources } = deployment.properties;
  const rows = operations.map(row => ({
    ...row.properties,
    key: row.operationId,
    id: row.properties.targetResource.id,
  }));
  const done = rows.filter(row => row.provisioningState === 'Succeeded').length;
  return html`<section aria-label="Progress" class="progress"><p role="status"><${Tag}
    kind=${stateKind(state)}>${state}<//> ${over ? counted(outputResources?.length || done) : `${done} done, ${rows.length - done} under way`}</p>
    ${!over && html`<progress aria-label="Deploying"/>`}
    ${state === 'Failed' && html`<${Failure} why=${why} rows=${rows}/>`}
    <${Table} label="Resources of the deployment" rows=${rows} columns=${COLUMNS} keyOf=${row => row.key}
      filter=${rows.length > 12} empty="No resource yet."/>
    ${
      outputs &&
      Object.keys(outputs).length > 0 &&
      html`<section aria-label="Outputs"><h3>Outputs</h3><dl>${Object.entries(outputs).map(
        ([name, output]) => html`
      <dt>${name}</dt><dd>${typeof output.value === 'string' ? output.value : JSON.stringify(output.value)}</dd>`,
      )}</dl></section>`
    }</section>`;
}

/** What stopped it: the resource first, then Azure's words about it. */
function Failure({ why, rows }) {
  const failed = rows.filter(row => row.provisioningState === 'Failed');
  if (!failed.length) return html`<${Problem} error=${why}/>`;
  return html`<div class="problem" role="alert"><b>${why?.code}</b> ${why?.message}<ul>${failed.map(
    row => html`<li key=${row.key}>
    <a href=${`#${resourcePath(row.id)}`}>${shortId(row.id)}</a>: ${leaves(row.statusMessage?.error).map(each => html`<b>${each.code}</b> ${each.message} ${each.target && html`<code>${each.target}</code>`}`)}</li>`,
  )}</ul></div>`;
}

const counted = n => (n === 1 ? '1 resource' : `${n} resources`);

/** `PT0.0229S` as `23 ms`. */
const tookOf = duration => {
  const [, m = 0, s = 0] = /^PT(?:(\d+)M)?(?:([\d.]+)S)?$/.exec(duration ?? '') ?? [];
  const seconds = Number(m) * 60 + Number(s);
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
};

export const leaves = error => (error?.details?.length ? error.details : error ? [error] : []);

const COLUMNS = [
  {
    name: 'Resource',
    of: row => shortId(row.id),
    show: row => html`<a href=${`#${resourcePath(row.id)}`}>${shortId(row.id)}</a>`,
  },
  {
    name: 'State',
    of: row => row.provisioningState,
    show: row => html`<${Tag} kind=${stateKind(row.provisioningState)}>${row.provisioningState}<//>`,
  },
  {
    name: 'Took',
    of: row => tookOf(row.duration),
    show: row => html`<span class="nowrap">${tookOf(row.duration)}</span>`,
  },
  {
    name: 'Why',
    of: row =>
      leaves(row.statusMessage?.error)
        .map(each => `${each.code}: ${each.message}`)
        .join(' '),
  },
];
