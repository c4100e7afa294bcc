import { html } from '../html.js';
import { useLive } from '../lab.js';

export default function Topology() {
  const live = useLive(now => now.structure);
  return html`<div class="page"><h1>Topology</h1><ul>${[...live.nodes.values()].map(n => html`<li key=${n.key}>${n.kind} ${n.name}</li>`)}</ul></div>`;
}
