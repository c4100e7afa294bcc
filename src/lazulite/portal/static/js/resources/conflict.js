// Somebody else was quicker: one's own edit would undo theirs.
import { html } from '../html.js';
import { Button } from '../parts.js';

/** `draft` is {stale, error, reset()}; `insist()` writes all the same, where that is offered. */
export function Conflict({ draft, insist }) {
  const refused = draft.error?.status === 412;
  if (!draft.stale && !refused) return null;
  return html`<div class="problem warn" role="alert">
    <b>Somebody else changed this resource meanwhile.</b> Saving is refused until you decide.
    <div class="actions"><${Button}
      onClick=${draft.reset}>Show theirs, drop mine<//>${
        insist &&
        html`<${Button} danger
      onClick=${insist}>Overwrite theirs<//>`
      }</div></div>`;
}
