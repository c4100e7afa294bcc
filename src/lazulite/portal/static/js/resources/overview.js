// What a resource is in a few lines, and what it has to do with others: links both ways.
import { html } from '../html.js';
import { get } from '../api.js';
import { resourcePath, useLoad } from '../lab.js';
import { Loading, Problem } from '../parts.js';
import { useRevision } from './revision.js';
import { resolve } from './schema.js';
import { brief, ownerOf, sameId, shortId, spoken } from './words.js';

const MOST = 18;
const DULL = new Set([
  'provisioningState',
  'resourceGuid',
  'instanceView',
  'vmId',
  'timeCreated',
  'allowExtensionOperations',
]);

export function Overview({ document, root }) {
  const rows = essentials(document, resolve(root, root.properties.properties).properties ?? {});
  return html`<div class="sides"><section class="card" aria-label="Essentials"><h2>Essentials</h2><dl>
      ${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl><p class="identity">
        <code>${document.id}</code></p></section>
    <${References} id=${document.id} etag=${document.etag}/></div>`;
}

/**
 * Plain values of the properties that count, those of nested objects too, in the order the API has them: rows [name, text].
 * `declared` are the schemas of the properties.
 */
export function essentials(document, declared = {}) {
  const rows = [];
  const walk = (value, above) => {
    for (const [name, item] of Object.entries(value ?? {})) {
      const label = spoken(name);
      const plain = typeof item !== 'object' || (Array.isArray(item) && item.every(each => typeof each !== 'object'));
      if (DULL.has(name) || item === null || item === '' || item.length === 0 || (!above && declared[name]?.effect))
        continue;
      if (plain && brief(item) !== '') rows.push([label, brief(item)]);
      else if (Array.isArray(item) && item.every(each => each.name))
        rows.push([label, item.length <= 4 ? item.map(named).join(', ') : `${item.length}`]);
      else if (!Array.isArray(item) && !item.id && !above && typeof item === 'object') walk(item, true);
    }
  };
  for (const name of ['location', 'zones'])
    if (document[name]?.length) rows.push([spoken(name), brief(document[name])]);
  if (document.sku?.name) rows.push(['SKU', [document.sku.name, document.sku.tier].filter(Boolean).join(', ')]);
  walk(document.properties, false);
  return rows.slice(0, MOST);
}

/** A child with what it is known by. */
function named({ name, properties }) {
  const known = properties?.privateIPAddress ?? properties?.addressPrefix ?? properties?.ipAddress;
  return known ? `${name} (${known})` : name;
}

function References({ id, etag }) {
  const stored = useRevision();
  const found = useLoad(
    signal => get(`/lazulite/references?id=${encodeURIComponent(id)}`, { signal }),
    [id],
    [etag, stored],
  );
  if (found.error) return html`<${Problem} error=${found.error}/>`;
  if (!found.value) return html`<${Loading}/>`;
  return html`<${Side} title="Refers to" rows=${found.value.to} id=${id} none="It refers to nothing."/><${Side}
    title="Referred to by" rows=${found.value.from} id=${id} none="Nothing refers to it."/>`;
}

function Side({ title, rows, id, none }) {
  return html`<section class="card" aria-label=${title}><h2>${title}</h2>${
    rows.length === 0 &&
    html`<p
    class="quiet">${none}</p>`
  }
    <ul class="links">${rows.map(
      row => html`<li key=${row.id + row.by}><a href=${`#${resourcePath(ownerOf(row.id))}`}>${shortId(row.id)}</a>
      ${
        !sameId(row.by, id) &&
        html`<span
        class="quiet">by ${shortId(row.by).split('/').slice(2).join('/')}</span>`
      }</li>`,
    )}</ul></section>`;
}
