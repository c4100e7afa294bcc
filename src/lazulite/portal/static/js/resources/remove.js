// Deleting: what it would break is found first, by trying it where nobody sees.
import { html, useState } from '../html.js';
import { post, remove } from '../api.js';
import { useLoad } from '../lab.js';
import { Button, Dialog, Field, Loading, Problem, Tag } from '../parts.js';
import { Reachability } from './reach.js';
import { shortId } from './words.js';

const MANY = 12;

/**
 * Delete `ids`, called `name`; with `careful` its name has to be typed. `done()` follows the delete; `going(whether)` hears
 * that it has begun, and that it came to nothing.
 */
export function DeleteDialog({ ids, name, careful = false, going = () => {}, done, close }) {
  const found = useLoad(signal => post('/lazulite/foresee', { deletes: ids }, { signal }), [ids.join()]);
  const [typed, type] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const go = async () => {
    setBusy(true);
    setError(null);
    going(true);
    try {
      for (const id of ids) await remove(id);
      done();
    } catch (problem) {
      going(false);
      setError(problem);
      setBusy(false);
    }
  };
  const sure = !careful || typed === name;
  return html`<${Dialog} title=${`Delete ${name}?`} close=${close} wide>
    ${found.loading && html`<${Loading} what="Finding what this would break"/>`}<${Problem} error=${found.error}/>
    ${found.value && html`<${Consequences} of=${found.value}/>`}
    ${
      careful &&
      html`<${Field} label=${`Type ${name} to confirm`}><input type="text" value=${typed}
      autocomplete="off" onInput=${e => type(e.target.value)}/><//>`
    }
    <${Problem} error=${error}/>
    <div class="actions"><${Button} danger busy=${busy} disabled=${!sure || found.loading} onClick=${go}>Delete<//>
      <${Button} onClick=${close}>Cancel<//></div><//>`;
}

function Consequences({ of }) {
  return html`<div class="consequences">
    ${of.refusals.map(
      refusal => html`<div key=${refusal.id} class="problem" role="alert">
      <b>It would be refused.</b> <b>${refusal.error.code}</b> <span>${refusal.error.message}</span></div>`,
    )}
    ${
      of.gone.length > 0 &&
      html`<section aria-label="What goes"><h3>What goes (${of.gone.length})</h3><${Ids}
      ids=${of.gone}/></section>`
    }
    ${
      of.affected.length > 0 &&
      html`<section aria-label="What refers to it">
      <h3>What refers to it and stays (${of.affected.length})</h3><${Ids} ids=${of.affected}/></section>`
    }
    ${of.refusals.length === 0 && html`<${Reachability} of=${of.reachability}/>`}</div>`;
}

const Ids = ({ ids }) =>
  html`<p class="ids">${ids.slice(0, MANY).map(
    id => html`<${Tag}
    key=${id}>${shortId(id)}<//> `,
  )}${
    ids.length > MANY &&
    html`<span
    class="quiet">and ${ids.length - MANY} more</span>`
  }</p>`;
