// The map as a tree of names, for those who would rather read than look.
import { html } from '../html.js';
import { Health } from '../parts.js';
import { called, kindOf, told } from './captions.js';
import { tree } from './tree.js';

/** All boxes as nested lists; `chosen` and `matching` as on the map. */
export function List({ nodes, chosen, matching, pick }) {
  const { roots, of } = tree(nodes.values());
  return html`<div class="listview" role="region" aria-label="Network as a list"><${Branch} ...${{ rows: roots, of, chosen, matching, pick }}/></div>`;
}

function Branch({ rows, of, chosen, matching, pick }) {
  const wanted = node => matching === null || matching.has(node.key) || of(node.key).some(wanted);
  const shown = rows.filter(wanted);
  return html`<ul>${shown.map(node => html`<li key=${node.key}>
    <button type="button" class=${`row ${node.kind}`} aria-pressed=${chosen.has(node.key) ? 'true' : 'false'} aria-label=${called(node)} onClick=${e => pick(node.key, e)}>
      <b>${node.name}</b> <span class="quiet">${kindOf(node)}</span> <span class="mono">${node.details[0] ?? ''}</span> ${node.health && html`<${Health} of=${node.health}/>`}
      ${node.kind === 'subnet' && html`<span class="quiet">${told(of(node.key).filter(n => n.kind === 'machine'))}</span>`}</button>
    ${of(node.key).length > 0 && html`<${Branch} ...${{ rows: of(node.key), of, chosen, matching, pick }}/>`}</li>`)}</ul>`;
}
