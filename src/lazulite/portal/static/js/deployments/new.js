// A new deployment: its template, its parameters as a form, the plan, and the deployment itself.
import { html, useMemo, useState } from '../html.js';
import { ask, get, post } from '../api.js';
import { useLab } from '../lab.js';
import { Button, Field, Problem } from '../parts.js';
import { useGroups } from '../resources/choices.js';
import { ShowRequest } from '../resources/editor.js';
import { Plan } from './plan.js';
import { Progress, useDeployment } from './progress.js';
import { chosen, fromFile, isReference, isTemplate, parametersOf, planOf, read, secretOf } from './template.js';

const NAME = /[^\w.()-]+/g;

/** What was dropped, sorted: {text, name, typed} of the template and of the parameters. */
function sorted(files) {
  const documents = files.map(file => ({ ...file, ...read(file.text) }));
  const template =
    rootOf(documents.filter(each => each.value && isTemplate(each.value))) ?? documents.find(each => each.error);
  const parameters = documents.find(each => each.value && !isTemplate(each.value));
  return {
    text: template?.text ?? '',
    file: template?.name ?? 'template.json',
    name: (template?.name ?? 'deployment')
      .replace(/\.[^.]*$/, '')
      .replace(NAME, '-')
      .slice(0, 60),
    typed: parameters ? fromFile(parameters.value) : {},
  };
}

/** Of several templates the one that no other one names. */
const rootOf = templates =>
  templates.find(one => !templates.some(other => other !== one && other.text.includes(one.name))) ?? templates[0];

const LINKS = /"templateLink"/i;

/** The template as a deployment has it; one that links to others goes to the lab together with them. */
async function content(files, start, text, template) {
  if (!LINKS.test(text)) return { template };
  const held = { ...Object.fromEntries(files.map(file => [file.name, file.text])), [start.file]: text };
  const sent = await ask('PUT', '/lazulite/templates', { files: held });
  return { templateLink: { uri: `${sent.body.address}${start.file}` } };
}

/** Whether a group is there now: the list of them may be older. */
const exists = async path => {
  try {
    await get(path);
    return true;
  } catch (error) {
    if (error.status === 404) return false;
    throw error;
  }
};

export function New({ first, group, close }) {
  const { subscription, say } = useLab();
  const start = useMemo(() => sorted(first.files), [first]);
  const [text, setText] = useState(start.text);
  const [typed, type] = useState(start.typed);
  const [order, setOrder] = useState({
    name: start.name,
    group: group || 'lab',
    location: 'westeurope',
    mode: 'Incremental',
  });
  const [state, set] = useState({});
  const groups = useGroups();
  const document = useMemo(() => (text.trim() ? read(text) : {}), [text]);
  const fields = document.value ? parametersOf(document.value) : [];
  const properties = { mode: order.mode, template: document.value, parameters: chosen(fields, typed) };
  const missing = groups.value && !groups.value.some(each => each.name.toLowerCase() === order.group.toLowerCase());
  const scope = `${subscription}/resourceGroups/${order.group}`;
  const path = `${scope}/providers/Microsoft.Resources/deployments/${order.name}`;
  const act = async (busy, work) => {
    set(now => ({ ...now, busy, error: null }));
    try {
      set({ ...(await work()) });
    } catch (error) {
      set(now => ({ plan: now.plan, error }));
    }
  };
  const whole = async () => ({
    ...properties,
    template: undefined,
    ...(await content(first.files, start, text, document.value)),
  });
  const plan = () =>
    act('plan', async () => {
      const request = planOf({ subscription, ...order, known: await exists(scope), properties: await whole() });
      return { plan: (await post(request.path, request.body)).properties };
    });
  const deploy = () =>
    act('deploy', async () => {
      if (!(await exists(scope))) await ask('PUT', scope, { location: order.location });
      await ask('PUT', path, { properties: await whole() });
      groups.again();
      say(`Deploying ${order.name} to ${order.group}.`, 'info');
      return { running: path, turn: Date.now() };
    });
  const ready = Boolean(document.value && order.name && order.group) && fields.every(f => !f.required || typed[f.name]);
  return html`<section class="card new" aria-label="New deployment"><header class="inline"><h2>New deployment</h2>
    <${Button} onClick=${close}>Close<//></header>
    <form noValidate class="form wideform" aria-label="Deployment" onSubmit=${e => e.preventDefault()}>
      <${Place} order=${order} set=${setOrder} groups=${groups.value ?? []} missing=${missing}/>
      <${Source} text=${text} set=${setText} error=${document.error} closed=${Boolean(document.value)}/>
      ${
        fields.length > 0 &&
        html`<fieldset><legend>Parameters</legend><div class="fields two">${fields.map(
          field => html`<${Parameter} key=${field.name} field=${field} value=${typed[field.name] ?? ''}
        set=${value => type(now => ({ ...now, [field.name]: value }))} error=${parameterError(state.error, field.name)}/>`,
        )}</div></fieldset>`
      }
      <div class="actions"><${Button} busy=${state.busy === 'plan'} disabled=${!ready || Boolean(state.busy)}
        onClick=${plan}>Plan<//>
        <${Button} primary busy=${state.busy === 'deploy'} disabled=${!ready || Boolean(state.busy)}
          onClick=${deploy}>Deploy<//></div>
      <${Problem} error=${state.error}/>${
        document.value &&
        html`<${ShowRequest} method="PUT" path=${path}
        body=${{ properties }}/>`
      }</form>
    ${state.plan && html`<${Plan} of=${state.plan}/>`}${
      state.running &&
      html`<${Running} id=${state.running}
      turn=${state.turn}/>`
    }</section>`;
}

/** Azure names the parameter in its sentence. */
const parameterError = (error, name) =>
  error?.rows
    .filter(row =>
      new RegExp(`parameters?[^']*'${name}'|\\b${name}\\b.*parameter`, 'i').test(`${row.target} ${row.message}`),
    )
    .map(row => `${row.code}: ${row.message}`)[0];

function Running({ id, turn }) {
  return html`<${Progress} of=${useDeployment(id, turn)}/>`;
}

function Place({ order, set, groups, missing }) {
  const change = name => event => set(now => ({ ...now, [name]: event.target.value.trim() }));
  return html`<div class="fields two"><${Field} label="Resource group" hint=${missing ? 'It will be made.' : undefined}>
    <input type="text" list="groups-known" value=${order.group} onInput=${change('group')}/><//>
    <datalist id="groups-known">${groups.map(group => html`<option key=${group.id} value=${group.name}/>`)}</datalist>
    ${
      missing &&
      html`<${Field} label="Location of the group"><input type="text" value=${order.location}
      onInput=${change('location')}/><//>`
    }
    <${Field} label="Name"><input type="text" value=${order.name} onInput=${change('name')}/><//>
    <${Field} label="Mode"><select value=${order.mode} onChange=${change('mode')}><option
      value="Incremental">Incremental</option><option value="Complete">Complete: deletes what is not in it</option>
      </select><//></div>`;
}

const Source = ({
  text,
  set,
  error,
  closed,
}) => html`<details class="source" open=${!closed}><summary>Template</summary>
  <${Field} label="Template as JSON" error=${error && `Line ${error.line}: ${error.message}`}><textarea class="mono"
    rows="14" spellcheck=${false} value=${text} onInput=${e => set(e.target.value)}/><//></details>`;

function Parameter({ field, value, set, error }) {
  const hint = [
    field.description,
    !field.required && `Default: ${typeof field.default === 'string' ? field.default : JSON.stringify(field.default)}`,
  ]
    .filter(Boolean)
    .join(' ');
  const take = event => set(event.target.value);
  const label = field.required ? `${field.name} *` : field.name;
  if (isReference(value))
    return html`<div><${Field} label=${label} hint=${hint} error=${error}><input readonly value=${secretOf(value)}/><//>
      <${Button} onClick=${() => set('')}>Give ${field.name} a value instead<//></div>`;
  if (field.allowed) {
    return html`<${Field} label=${label} hint=${hint} error=${error}><select value=${value} onChange=${take}><option
      value="">(default)</option>${field.allowed.map(
        word => html`<option
      value=${String(word)}>${String(word)}</option>`,
      )}</select><//>`;
  }
  if (field.type === 'bool')
    return html`<${Field} label=${label} hint=${hint} error=${error}><select value=${value} onChange=${take}><option
      value="">(default)</option><option value="true">true</option><option value="false">false</option></select><//>`;
  if (field.type === 'object' || field.type === 'array')
    return html`<${Field} label=${label} hint=${hint} error=${error}><textarea class="mono" rows="3" value=${value}
      onInput=${take}/><//>`;
  return html`<${Field} label=${label} hint=${hint} error=${error}><input
    type=${field.secure ? 'password' : field.type === 'int' ? 'number' : 'text'} autocomplete="off" value=${value}
    onInput=${take}/><//>`;
}
