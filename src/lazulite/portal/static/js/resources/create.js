// Making resources: which wizard a route means.
import { html } from '../html.js';
import { useLoad } from '../lab.js';
import { Empty, Loading, Problem } from '../parts.js';
import { KINDS } from './view.js';

const LOAD = {
  network: () => import('./create/network.js'),
  machine: () => import('./create/machine.js'),
  balancer: () => import('./create/balancer.js'),
  rule: () => import('./create/child.js'),
  route: () => import('./create/child.js'),
  record: () => import('./create/record.js'),
  group: () => import('./create/plain.js'),
  address: () => import('./create/plain.js'),
  zone: () => import('./create/plain.js'),
};

export default function Create({ route }) {
  const kind = route.path[1] ?? '';
  const title = KINDS.find(([name]) => name === kind)?.[1] ?? '';
  const loaded = useLoad(
    () => (LOAD[kind] ? LOAD[kind]().then(module => ({ kind, Wizard: module.default })) : Promise.resolve(null)),
    [kind],
  );
  const Wizard = loaded.value?.kind === kind ? loaded.value.Wizard : undefined;
  if (!LOAD[kind]) return html`<div class="page"><h1>Create</h1><${Choices}/></div>`;
  return html`<div class="page create"><header><div><p class="crumbs"><a href="#/resources">Resources</a> › Create</p>
    <h1>Create ${title.startsWith('NIC') || title.startsWith('DNS') ? title : title.charAt(0).toLowerCase() + title.slice(1)}</h1>
    </div></header>
    <${Problem} error=${loaded.error}/>${
      Wizard
        ? html`<${Wizard} key=${kind} kind=${kind}
      query=${route.query}/>`
        : !loaded.error && html`<${Loading}/>`
    }</div>`;
}

const Choices = () =>
  html`<${Empty} title="What shall it be?"><span class="create-kinds">${KINDS.map(
    ([kind, label]) => html`<a class="button"
    key=${kind} href=${`#/create/${kind}`}>${label}</a>`,
  )}</span><//>`;
