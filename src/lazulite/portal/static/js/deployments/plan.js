// What a deployment would do: resources with their differences, flows that open or close, and what would make it fail.
import { html } from '../html.js';
import { resourcePath } from '../lab.js';
import { Tag } from '../parts.js';
import { Reachability } from '../resources/reach.js';
import { shortId } from '../resources/words.js';
import { flat, summary, told } from './template.js';

const KINDS = { Create: 'good', Modify: 'warn', Delete: 'bad', Deploy: 'warn' };
const SILENT = new Set(['NoChange', 'Ignore']);

export function Plan({ of }) {
  const moving = of.changes.filter(change => !SILENT.has(change.changeType));
  const still = of.changes.filter(change => SILENT.has(change.changeType));
  const wrong = of.diagnostics.filter(row => row.level === 'Error');
  return html`<section class="plan card" aria-label="Plan"><h2>Plan</h2>
    ${
      wrong.length > 0 &&
      html`<div class="problem" role="alert"><b>It would fail.</b><ul>${wrong.map(
        row => html`<li>
      <b>${row.code}</b> ${row.message} ${row.target && html`<code>${shortId(row.target)}</code>`}</li>`,
      )}</ul></div>`
    }
    <p>${moving.length ? summary(of.changes) : `Nothing would change: ${summary(still)}.`}</p>
    <ul class="changes">${moving.map(
      change => html`<li key=${change.resourceId}><${Tag}
        kind=${KINDS[change.changeType]}>${change.changeType}<//> <${Where} change=${change}/>
      <${Differences} change=${change}/></li>`,
    )}</ul>
    ${
      still.length > 0 &&
      moving.length > 0 &&
      html`<details><summary>${still.length} that stay as they are</summary><ul class="changes">${still.map(
        change => html`<li key=${change.resourceId}>
      <${Tag}>${change.changeType}<//> ${shortId(change.resourceId)}</li>`,
      )}</ul></details>`
    }
    ${of.reachability && html`<${Reachability} of=${of.reachability}/>`}</section>`;
}

const Where = ({ change }) =>
  change.changeType === 'Create'
    ? shortId(change.resourceId)
    : html`<a href=${`#${resourcePath(change.resourceId)}`}>${shortId(change.resourceId)}</a>`;

function Differences({ change }) {
  const rows = flat(change.delta);
  if (!rows.length) return null;
  return html`<ul class="delta">${rows.map(
    row => html`<li key=${row.path}>
    <code>${row.path}</code> <del>${told(row.before)}</del> → <ins>${told(row.after)}</ins></li>`,
  )}</ul>`;
}
