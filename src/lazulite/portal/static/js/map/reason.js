// Why a box is not well: what the lab refused of it, whose probes fail, or what was made wrong on purpose.
import { html } from '../html.js';
import { get } from '../api.js';
import { useLoad } from '../lab.js';
import { grounds } from './captions.js';

const belongs = (origin, node) => [node.id, node.key].some(id => id && origin.toLowerCase().startsWith(id.toLowerCase()));

/** Sentences, and what of this box the machine below refused. */
export function Reason({ node, nodes, joints, revision }) {
  const ill = node.health === 'down' || node.health === 'degraded';
  const { value } = useLoad(signal => (ill ? get('/lazulite/status', { signal }) : Promise.resolve(null)), [node.key, ill], [node.health, revision]);
  if (!ill) return null;
  const refused = (value?.refusals ?? []).filter(r => belongs(r.origin, node)).map(r => r.message);
  const said = [...refused, ...grounds(node, nodes, joints)];
  return html`<div class=${`reason ${node.health}`}>${said.map(text => html`<p>${text}</p>`)}
    ${value && !said.length && html`<p>Its machine did not start, or nothing of it is heard.</p>`}</div>`;
}
