// One resource, whole: what it is, what it has to do with others, and how it is changed.
import { html, useEffect, useState } from '../html.js';
import { get } from '../api.js';
import { parseId, resourcePath, useHere, useLab, useLoad } from '../lab.js';
import { Button, Empty, Loading, Problem, Tabs, Tag } from '../parts.js';
import { Log } from './activity.js';
import { childTabs, ChildTable } from './children.js';
import { Conflict } from './conflict.js';
import { useDocument, useDraft } from './document.js';
import { Editor, ShowRequest } from './editor.js';
import { Effective, hasEffective } from './effective.js';
import { errorsOf, Fields, Refusal } from './form.js';
import { outline } from './json.js';
import { MachineActions } from './machine.js';
import { Overview } from './overview.js';
import { DeleteDialog } from './remove.js';
import { useRevision } from './revision.js';
import { schemaOf, typesKnown } from './schema.js';
import { Locks, Tags } from './tags.js';
import { refusalOf } from './view.js';
import { oneOf, ownerOf, sameId, stateKind } from './words.js';

export default function Details({ route }) {
  const id = route.path[1] ?? '';
  return html`<${Page} key=${id.toLowerCase()} id=${id} first=${route.query.get('tab') ?? 'Overview'}/>`;
}

function Page({ id, first }) {
  const { type, name } = parseId(id);
  const found = useDocument(id);
  const revision = useRevision();
  const schema = useLoad(() => schemaOf(type), [type], [revision]);
  const nested = useLoad(typesKnown, [], [revision]);
  const [tab, choose] = useState(first);
  const [leaving, leave] = useState(false);
  useEffect(() => {
    document.title = `${name} · Lazulite`;
  }, [name]);
  if (found.gone && !leaving) return html`<div class="page"><${Gone} id=${id} known=${found.value}/></div>`;
  const error = found.error ?? schema.error;
  if (error && !found.value)
    return html`<div class="page"><h1>${name}</h1><${Problem} error=${error}/><p><a
      href="#/resources">All resources</a></p></div>`;
  if (!found.value || !schema.value) return html`<div class="page"><h1>${name}</h1><${Loading}/></div>`;
  const children = childTabs(found.value, schema.value, nested.value ?? []);
  const whole = sameId(ownerOf(id), id);
  const own = writtenAlone(type, nested.value);
  const tabs = [
    'Overview',
    ...(own ? ['Properties'] : []),
    ...children.map(child => child.title),
    'JSON',
    ...(hasEffective(type) ? ['Effective'] : []),
    'Activity',
    ...(whole ? ['Tags', 'Locks'] : []),
  ];
  const chosen = tabs.includes(tab) ? tab : 'Overview';
  const child = children.find(each => each.title === chosen);
  const props = { document: found.value, root: schema.value, again: found.again };
  return html`<div class="page details"><${Header} document=${found.value} type=${type} own=${own} leave=${leave}/>
    <${Tabs} tabs=${tabs} chosen=${chosen} choose=${choose} label=${`Parts of ${name}`}/>
    <div role="tabpanel" aria-label=${chosen} class="tabpanel">
      ${chosen === 'Overview' && html`<${Overview} ...${props}/>`}
      ${chosen === 'Properties' && html`<${Properties} ...${props}/>`}
      ${child && html`<${ChildTable} key=${child.title} child=${child} ...${props}/>`}
      ${
        chosen === 'JSON' &&
        (own
          ? html`<${Json} ...${props}/>`
          : html`<pre
        aria-label="JSON of the resource">${JSON.stringify(found.value, null, 2)}</pre>`)
      }
      ${chosen === 'Effective' && html`<${Effective} document=${found.value}/>`}
      ${chosen === 'Activity' && html`<${Log} id=${id}/>`}
      ${chosen === 'Tags' && html`<${Tags} ...${props}/>`}
      ${chosen === 'Locks' && html`<${Locks} id=${id}/>`}
    </div></div>`;
}

/** Whether something of a type is written at its own path; other children are, if at all, through what they are part of. */
function writtenAlone(type, known) {
  const is = name => name.toLowerCase() === type.toLowerCase();
  return !known || known.some(kind => is(kind.type) || kind.children.some(wire => is(`${kind.type}/${wire}`)));
}

const Gone = ({ id, known }) => {
  const { group, name } = parseId(id);
  return html`<${Empty} whole title=${known ? `${name} was deleted` : `${name} is not there`}>
    ${known ? 'Somebody deleted it while this page was open.' : 'It was deleted, or never made.'} <a
      href="#/resources">All resources</a> or <a
      href=${`#/activity?group=${encodeURIComponent(group)}`}>what happened in ${group}</a>.<//>`;
};

function Header({ document, type, own, leave }) {
  const { navigate, say } = useLab();
  const here = useHere();
  const [deleting, set] = useState(false);
  const status = useLoad(signal => get('/lazulite/status', { signal }), [], [useRevision('applied')]);
  const { group, name } = parseId(document.id);
  const refusal = refusalOf(document.id, status.value?.refusals ?? []);
  const state = document.properties?.provisioningState ?? '';
  const owner = ownerOf(document.id);
  const whole = sameId(owner, document.id);
  const done = () => {
    say(`${name} is deleted.`, 'good');
    if (here.current) navigate(whole ? '/resources' : resourcePath(owner));
  };
  return html`<header><div><p class="crumbs"><a href="#/resources">Resources</a> › <a
    href=${`#/resources/${type.split('/').slice(0, 2).join('/')}`}>${oneOf(type.split('/').slice(0, 2).join('/'))}</a>
      ${!whole && html` › <a href=${`#${resourcePath(owner)}`}>${owner.split('/').at(-1)}</a>`}</p>
      <h1>${name}</h1><p class="under"><span>${oneOf(type)}</span>
        <span>${group}</span>${document.location && html`<span>${document.location}</span>`}
      ${
        refusal
          ? html`<${Tag} kind="bad">Refused<//>`
          : state &&
            html`<${Tag}
        kind=${stateKind(state)}>${state}<//>`
      }</p></div>
    <div class="tools">${
      /virtualMachines$/i.test(type) &&
      html`<${MachineActions}
      document=${document}/>`
    }${own && html`<${Button} danger onClick=${() => set(true)}>Delete<//>`}</div>
    ${
      !own &&
      html`<p class="quiet wide">A part of <a
      href=${`#${resourcePath(owner)}`}>${owner.split('/').at(-1)}</a>: it is not changed by itself.</p>`
    }
    ${refusal && html`<div class="problem wide" role="alert"><b>The machine refused it.</b> ${refusal}</div>`}
    ${
      deleting &&
      html`<${DeleteDialog} ids=${[document.id]} name=${name} going=${leave} done=${done}
      close=${() => set(false)}/>`
    }</header>`;
}

/** The common edits. Lists whose members have a table of their own are left out. */
function Properties({ document, root, again }) {
  const { say } = useLab();
  const draft = useDraft(document, root, again);
  const inner = root.properties.properties;
  const submit = async insist => {
    if (await draft.save(insist)) say('Saved.', 'good');
  };
  const skip = [...root.children, 'provisioningState'];
  return html`<form noValidate class="form" aria-label="Properties" onSubmit=${e => {
    e.preventDefault();
    submit(false);
  }}>
    <${Conflict} draft=${draft} insist=${() => submit(true)}/><${Refusal} error=${draft.error}/>
    <div class="fields two"><${Fields} root=${root} schema=${inner} value=${draft.draft.properties ?? {}}
      path="properties" change=${draft.change} errors=${errorsOf(draft.error)} skip=${skip} fixed/></div>
    <div class="actions sticky"><${Button} primary type="submit" busy=${draft.busy} disabled=${!draft.dirty}>Save<//>
      <${Button} disabled=${!draft.dirty} onClick=${draft.reset}>Discard<//></div>
    <${ShowRequest} method="PUT" path=${document.id} body=${draft.draft}/></form>`;
}

function Json({ document, root, again }) {
  const { say } = useLab();
  const draft = useDraft(document, root, again);
  const written = JSON.stringify(draft.draft, null, 2);
  const [typed, type] = useState(null);
  const text = typed ?? written;
  const found = outline(text);
  const edit = next => {
    type(next);
    draft.replace(outline(next).value); // text that is no JSON yet is an edit all the same
  };
  const submit = async insist => {
    if (found.error) return;
    const sent = typed;
    if (await draft.save(insist)) {
      type(now => (now === sent ? null : now));
      say('Saved.', 'good');
    }
  };
  const drop = () => {
    type(null);
    draft.reset();
  };
  return html`<form noValidate class="json" aria-label="JSON" onSubmit=${e => {
    e.preventDefault();
    submit(false);
  }}>
    <${Conflict} draft=${{ ...draft, reset: drop }} insist=${() => submit(true)}/>
    ${draft.error && draft.error.rows.every(row => !row.target) && html`<${Problem} error=${draft.error}/>`}
    <${Editor} text=${text} change=${edit} root=${root} label="JSON of the resource"
      violations=${draft.error?.rows.filter(row => row.target) ?? []}/>
    <div class="actions"><${Button} primary type="submit" busy=${draft.busy}
      disabled=${typed === null || Boolean(found.error)}>Save<//>
      <${Button} disabled=${typed === null} onClick=${drop}>Discard<//></div></form>`;
}
