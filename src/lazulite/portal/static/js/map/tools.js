// What lies over the map: search, layers, zoom, the legend, and what a click means right now.
import { html, useRef } from '../html.js';
import { Button } from '../parts.js';

const LAYERS = { rates: 'Rates', addresses: 'Addresses', balancers: 'Balancers’ backends' };

export function Tools({ search, setSearch, matching, find, layers, setLayers, listed, setListed, camera, save, mode, setMode }) {
  const box = useRef();
  const toggle = name => () => setLayers({ ...layers, [name]: !layers[name] });
  const enter = event => {
    if (event.key === 'Enter') find();
    if (event.key === 'Escape') setSearch('');
  };
  const leave = event => { if (event.key === 'Escape') box.current.open = false; };
  return html`<div class="tools" role="toolbar" aria-label="Map">
    <input type="search" aria-label="Search the map" placeholder="Find a name or an address" value=${search} onInput=${e => setSearch(e.target.value)} onKeyDown=${enter}/>
    <span class="found quiet" role="status">${matching && (matching.size ? `${matching.size} found` : 'nothing found')}</span><span class="gap"></span>
    ${mode && html`<span class="mode" role="status">Trace from <b>${mode}</b>: choose the other end <${Button} onClick=${() => setMode('')}>Cancel<//></span><span class="gap"></span>`}
    ${!listed && html`<span class="zoom"><${Button} aria-label="Zoom out" onClick=${() => camera().zoom(1 / 1.4)}>−<//><${Button} onClick=${() => camera().fit()}>Fit<//>
      <${Button} aria-label="Zoom in" onClick=${() => camera().zoom(1.4)}>+<//></span>
    <details class="layers" ref=${box} onKeyDown=${leave}><summary class="button">Layers</summary><div>${Object.entries(LAYERS).map(([name, title]) => html`
      <label key=${name}><input type="checkbox" checked=${layers[name]} onChange=${toggle(name)}/> ${title}</label>`)}</div></details>
    <${Button} onClick=${save}>Export SVG<//>`}
    <${Button} aria-pressed=${listed ? 'true' : 'false'} onClick=${() => setListed(!listed)}>${listed ? 'Map' : 'List'}<//></div>`;
}

export const Legend = () => html`<div class="legend" aria-hidden="true">
  <span class="health ok"><span class="dot"></span>ok</span><span class="health degraded"><span class="dot"></span>degraded</span>
  <span class="health down"><span class="dot"></span>down</span><span class="health stopped"><span class="dot"></span>stopped</span>
  <span class="sample whole"></span>peering<span class="sample broken"></span>one-sided</div>`;

/** What the map shows, in a sentence for those who do not see it. */
export function Summary({ nodes }) {
  const all = [...nodes.values()];
  const count = (kind, one, many = `${one}s`) => {
    const n = all.filter(node => node.kind === kind).length;
    return n && `${n} ${n === 1 ? one : many}`;
  };
  const ill = all.filter(n => n.health === 'down' || n.health === 'degraded').map(n => `${n.name} is ${n.health}`);
  const parts = [count('network', 'virtual network'), count('subnet', 'subnet'), count('machine', 'machine'), count('balancer', 'load balancer'), count('client', 'client')];
  return html`<p class="unseen" id="map-summary">The map shows ${parts.filter(Boolean).join(', ') || 'nothing yet'}. ${ill.slice(0, 20).join(', ')}${ill.length > 20 ? ` and ${ill.length - 20} more` : ''}
    Arrow keys walk its boxes, Enter chooses one, Escape lets go, plus and minus zoom, 0 shows all.</p>`;
}
