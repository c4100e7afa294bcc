// The shell: who is signed in, where we are, what the lab is doing; each view is loaded when it is first wanted.
import { html, render, useEffect, useState } from './html.js';
import { get, list, onSignedOut, signedIn, signIn } from './api.js';
import { Live } from './live.js';
import { LabContext, parseRoute, useLive } from './lab.js';
import { Loading, Problem } from './parts.js';

/** First word of the route to its module, its title and where the navigation has it. A view is given {route}. */
const VIEWS = {
  topology: { load: () => import('./map/view.js'), title: 'Topology', section: '' },
  resources: { load: () => import('./resources/view.js'), title: 'Resources', section: '' },
  deployments: { load: () => import('./deployments/view.js'), title: 'Deployments', section: '' },
  activity: { load: () => import('./resources/activity.js'), title: 'Activity log', section: '' },
  flows: { load: () => import('./watch/flows.js'), title: 'Live flows', section: 'Watch' },
  captures: { load: () => import('./watch/captures.js'), title: 'Packet captures', section: 'Watch' },
  monitors: { load: () => import('./watch/monitors.js'), title: 'Connection monitors', section: 'Watch' },
  metrics: { load: () => import('./watch/metrics.js'), title: 'Metrics', section: 'Watch' },
  terminals: { load: () => import('./watch/terminals.js'), title: 'Terminals', section: 'Watch' },
  resource: { load: () => import('./resources/details.js') },
  create: { load: () => import('./resources/create.js') },
};
const live = new Live();

function View({ route }) {
  const name = route.path[0] ?? 'topology';
  const [loaded, set] = useState({});
  useEffect(() => {
    const view = VIEWS[name];
    if (!view) return set({ name, error: new Error(`There is no page called '${name}'.`) });
    let wanted = true; // a page that loads slowly comes after one that was chosen later
    view.load().then(module => wanted && set({ name, Inside: module.default }), error => wanted && set({ name, error }));
    return () => { wanted = false; };
  }, [name]);
  if (loaded.name !== name) return html`<main id="main" tabIndex="-1"><${Loading}/></main>`; // one element all along: it keeps the focus
  if (loaded.error) return html`<main id="main" tabIndex="-1"><h1>${VIEWS[name]?.title ?? 'Not found'}</h1><${Problem} error=${loaded.error}/></main>`;
  return html`<main id="main" tabIndex="-1" class=${`view-${name}`}><${loaded.Inside} route=${route}/></main>`;
}

/** Every page while the lab is there: a browser does not ask again for a module that it could not get once. */
const loadSoon = () => requestIdleCallback(() => Object.values(VIEWS).forEach(view => view.load().catch(() => {})), { timeout: 5000 });

function Navigation({ route }) {
  const chosen = route.path[0] ?? 'topology';
  const sections = Map.groupBy(Object.entries(VIEWS).filter(([, v]) => v.title), ([, v]) => v.section);
  return html`<nav aria-label="Pages">${[...sections].map(([section, views]) => html`
    ${section && html`<h2>${section}</h2>`}
    <ul>${views.map(([name, v]) => html`<li key=${name}><a href=${`#/${name}`} aria-current=${name === chosen ? 'page' : undefined}>${v.title}</a></li>`)}</ul>`)}</nav>`;
}

function Header() {
  const now = useLive();
  const { stored, applied } = now.revision;
  const follows = applied >= stored ? `revision ${applied} · enforced` : `revision ${stored} · enforcing`;
  return html`<header class="bar"><a class="skip" href="#main" onClick=${skip}>Skip to the page</a>
    <b class="brand"><img src="/portal/icon.svg" alt="" width="18" height="18"/> Lazulite</b>
    <span class="pill">${now.lab || '…'}</span>
    ${now.state === 'open' ? html`<span class="pill" role="status">${follows}</span>` : html`<span class="pill lost" role="status">connection lost, trying again</span>`}
    <span id="bar-tools"/></header>`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Sayings({ sayings, forget }) {
  return html`<div class="sayings" role="status" aria-live="polite">${sayings.map(s => html`
    <div key=${s.key} class=${`saying ${s.kind}`}>${s.text}<button type="button" aria-label="Dismiss" onClick=${() => forget(s.key)}>✕</button></div>`)}</div>`;
}

function Shell({ subscriptions }) {
  const [route, setRoute] = useState(parseRoute(location.hash));
  const [sayings, setSayings] = useState([]);
  const forget = key => setSayings(now => now.filter(s => s.key !== key));
  const say = (text, kind = 'info') => {
    const key = crypto.randomUUID();
    setSayings(now => [...now.slice(-3), { key, text, kind }]);
    if (kind !== 'bad') setTimeout(() => forget(key), 6000);
  };
  useEffect(() => {
    const turn = () => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', turn);
    turn(); // the address may have changed before anybody listened
    return () => removeEventListener('hashchange', turn);
  }, []);
  useEffect(() => { document.title = `${VIEWS[route.path[0] ?? 'topology']?.title ?? 'Lazulite'} · Lazulite`; }, [route]);
  const lab = { live, subscriptions, subscription: subscriptions[0]?.id ?? '', navigate: path => { location.hash = path; }, say };
  return html`<${LabContext.Provider} value=${lab}><${Header}/><${Navigation} route=${route}/><${View} route=${route}/>
    <${Sayings} sayings=${sayings} forget=${forget}/><//>`;
}

function App() {
  const [at, set] = useState({ state: 'starting' });
  useEffect(() => onSignedOut(reason => set({ state: 'out', reason })), []);
  useEffect(() => {
    (async () => {
      await signIn();
      if (!signedIn()) return set({ state: 'out', reason: '' });
      const [subscriptions] = await Promise.all([list('/subscriptions'), get('/lazulite/status')]);
      live.start();
      loadSoon();
      set({ state: 'in', subscriptions });
    })().catch(error => signedIn() ? set({ state: 'broken', error }) : set({ state: 'out', reason: error.message }));
  }, []);
  if (at.state === 'in') return html`<${Shell} subscriptions=${at.subscriptions}/>`;
  if (at.state === 'broken') return html`<main class="alone"><h1>Lazulite</h1><${Problem} error=${at.error}/></main>`;
  if (at.state === 'out') {
    return html`<main class="alone"><div class="empty"><h1>Sign in</h1>
      <p>${at.reason} Run <code>lazulite portal</code> in a terminal: it opens this page signed in.</p></div></main>`;
  }
  return html`<main class="alone"><${Loading} what="Asking the lab"/></main>`;
}

render(html`<${App}/>`, document.getElementById('app'));
