// The topology: a live map of the network, a trace between any two of its ends, and what each box is.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../html.js';
import { useLab, useLive, useLoad } from '../lab.js';
import { Empty, Loading, Tabs } from '../parts.js';
import { Canvas } from './canvas.js';
import { History } from './chart.js';
import { Ends, address, asked, served } from './ends.js';
import { Routes, Rules } from './effective.js';
import { asDocument, save } from './export.js';
import { Overview, Title, nicOf } from './inspector.js';
import { layout } from './layout.js';
import { List } from './list.js';
import { best, matches } from './search.js';
import { Legend, Summary, Tools } from './tools.js';
import { Story, askTrace } from './trace.js';
import { endOf, nodeOf } from './tree.js';

const history = new History();
const LAYERS = { rates: true, addresses: true, balancers: false };

export default function Topology({ route }) {
  const live = useLive();
  const { say, navigate } = useLab();
  const map = useMemo(() => layout(live.nodes.values(), live.joints), [live.structure]);
  const [at, setAt] = useState({ key: '', tab: 'Overview' });
  const [search, setSearch] = useState('');
  const [layers, setLayers] = useState(LAYERS);
  const [mode, setMode] = useState('');
  const [listed, setListed] = useState(false);
  const held = useRef();
  useEffect(() => live.subscribe(() => history.take(live)), [live]);
  const nodes = live.nodes;
  const question = useMemo(() => asked(route.query), [route]);
  const traced = Boolean(question.from && question.to);
  const found = useLoad(signal => (traced ? askTrace(question, signal) : Promise.resolve(null)), [address(question)], [live.revision.stored]);
  useLayoutEffect(() => { if (traced) setAt(now => ({ ...now, tab: 'Trace' })); }, [address(question)]);
  useLayoutEffect(() => sought(route.query.get('select'), nodes, setAt), [route.query.get('select'), live.structure > 0]);
  const matching = useMemo(() => matches(search, nodes), [search, live.structure]);
  const node = nodes.get(at.key);
  const chosen = useMemo(() => new Set([at.key, ...(traced ? [question.from, question.to].map(end => nodeOf(end, [...nodes.values()])?.key) : [])].filter(Boolean)), [at.key, question, live.structure]);

  const asking = useRef(0);
  useEffect(() => () => { asking.current++; }, [route]);
  const trace = async (from, to) => {
    setMode('');
    const mine = ++asking.current;
    const better = await served(to, question);
    if (mine === asking.current) navigate(address({ ...question, ...better, from, to: end(to) })); // nobody asked something else, or left
  };
  const end = of => endOf(of, [...nodes.values()]);
  const visit = key => {
    setAt({ key, tab: 'Overview' });
    if (map.boxes.has(key)) held.current?.camera.visit(map.boxes.get(key));
  };
  const pick = (key, event) => {
    const picked = nodes.get(key);
    const from = mode || (event.shiftKey && node ? end(node) : '');
    if (!from) return setAt({ key, tab: at.tab === 'Trace' ? 'Overview' : at.tab });
    if (!end(picked)) return say(`${picked.name} is no end of a packet: choose a machine, a client or a frontend.`);
    return trace(from, picked);
  };
  const clear = () => {
    setMode('');
    setAt({ key: '', tab: 'Trace' });
  };
  const acts = {
    visit, from: of => setMode(end(of)),
    to: of => trace(mode, of),
  };
  const find = () => {
    const hit = matching && best(search, matching, nodes, map.order);
    if (hit) visit(hit.key);
  };
  const store = () => exported(held.current, map, live.lab);
  if (!live.structure) return html`<${Loading} what="Reading the network"/>`;
  if (!nodes.size) return html`<${Nothing}/>`;
  return html`<h1 class="unseen">Topology</h1><${Summary} nodes=${nodes}/>
    <section class="map" aria-describedby="map-summary" aria-label="Map">
      <${Tools} ...${{ search, setSearch, matching, find, layers, setLayers, listed, setListed, mode, setMode, save: store, camera: () => held.current.camera }}/>
      ${listed ? html`<${List} ...${{ nodes, chosen, matching, pick }}/>`
        : html`<${Canvas} ...${{ map, nodes, chosen, matching, layers, pick, clear, held, trace: traced ? found.value : null }}/><${Legend}/>`}</section>
    <aside class="panel" aria-label="Inspector"><${Panel} ...${{ at, setAt, node, nodes, question, traced, found, live, acts, go: q => navigate(address(q)) }}/></aside>`;
}

function Panel({ at, setAt, node, nodes, question, traced, found, live, acts, go }) {
  const nic = node && nicOf(node);
  const tabs = [node && 'Overview', nic && 'Rules', nic && 'Routes', 'Trace'].filter(Boolean);
  const tab = tabs.includes(at.tab) ? at.tab : tabs[0];
  const revision = live.revision.stored;
  return html`${node ? html`<${Title} node=${node} acts=${acts}/>` : html`<header class="title"><h2>${traced ? `${question.from} → ${question.to}` : 'Network'}</h2></header>`}
    ${node && html`<${Tabs} label="About the selection" tabs=${tabs} chosen=${tab} choose=${name => setAt({ ...at, tab: name })}/>`}
    <div class="about">
      ${tab === 'Overview' && html`<${Overview} ...${{ node, nodes, history, acts, revision }} joints=${live.joints} moment=${live.moment}/>`}
      ${tab === 'Rules' && html`<${Rules} nic=${nic} revision=${revision}/>`}
      ${tab === 'Routes' && html`<${Routes} nic=${nic} revision=${revision}/>`}
      ${tab === 'Trace' && html`<${Ends} ...${{ question, nodes, go }}/>
        ${traced ? html`<${Story} ...${{ question, found, nodes }}/>` : html`<p class="quiet">Choose two ends to see how a packet fares between them: here, or on the map with a click on the first and Shift and a click on the second.</p>`}`}</div>`;
}

const Nothing = () => html`<${Empty} whole title="No network yet">Drop a template on <a href="#/deployments">Deployments</a>, <a href="#/create/network">create a network</a>,
  or run <code>lazulite demo</code>: it appears here as it is made.<//>`;

/** A link may name a box to show, by name or by the id of its resource. */
function sought(name, nodes, setAt) {
  if (!name) return;
  const low = name.toLowerCase();
  const found = nodeOf(name, [...nodes.values()]) ?? [...nodes.values()].find(n => n.key === low || n.id.toLowerCase() === low || n.name === name);
  if (found) setAt({ key: found.key, tab: 'Overview' });
}

/** Draw all of the map once, keep what is drawn, and go back to what was seen. */
function exported({ camera, svg, drawAll }, map, lab) {
  drawAll();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    save(asDocument(svg, map.w, map.h, `Network of the lab ${lab}`), `${lab || 'lab'}.svg`);
    camera.again();
  }));
}
