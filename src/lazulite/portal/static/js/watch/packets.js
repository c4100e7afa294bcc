// The first packets of a capture in a table: enough to see who talked and which rule decided.
import { html } from '../html.js';
import { useLoad } from '../lab.js';
import { Loading, Problem } from '../parts.js';
import { packetsOf } from './pcapng.js';

const MOST = 200;
const READ = 4 << 20;

/** `load()` gives the file as a Blob. */
export function Packets({ load }) {
  const found = useLoad(async () => packetsOf(new DataView(await (await load()).slice(0, READ).arrayBuffer()), MOST), []);
  if (found.error) return html`<${Problem} error=${found.error}/>`;
  if (!found.value) return html`<${Loading} what="Reading the capture"/>`;
  const began = found.value[0]?.time ?? 0;
  return html`<div class="scroll"><table aria-label="Packets"><thead><tr>${['Seconds', 'At', 'From', 'To', 'What', 'Bytes', 'Comment'].map(n => html`<th scope="col">${n}</th>`)}</tr></thead>
    <tbody>${found.value.map((p, i) => html`<tr key=${i}><td class="mono">${(p.time - began).toFixed(6)}</td><td>${p.at}</td><td class="mono">${p.from}</td><td class="mono">${p.to}</td>
      <td>${p.what}</td><td class="number">${p.length}</td><td>${p.comment}</td></tr>`)}</tbody></table>
    ${found.value.length === MOST && html`<p class="quiet">The first ${MOST} packets. Download the capture for the rest.</p>`}</div>`;
}
