// What all wizards share: their state, their errors at the fields, the request shown, and how it is sent.
import { html, useEffect, useRef, useState } from '../../html.js';
import { ask, list, put } from '../../api.js';
import { resourcePath, useHere, useLab, useLoad } from '../../lab.js';
import { Button, Field } from '../../parts.js';
import { leaves, Progress, useDeployment } from '../../deployments/progress.js';
import { useGroups } from '../choices.js';
import { ShowRequest } from '../editor.js';
import { Refusal } from '../form.js';

export const VERSION = '2024-05-01';

/**
 * {value, set(name)(event), put(name, value), error(name), problem, …}: `targets` says for each field by which paths ARM
 * names it, as regular expressions over `<id>/<path>`.
 */
export function useWizard(initial, targets = {}) {
  const [value, change] = useState(initial);
  const [problem, fail] = useState(null);
  const put_ = (name, next) => change(now => ({ ...now, [name]: next }));
  const error = name => {
    const pattern = targets[name];
    const rows = pattern ? (problem?.rows ?? []).filter(row => pattern.test(row.target ?? '')) : [];
    return rows.map(row => `${row.code}: ${row.message}`).join(' ') || undefined;
  };
  return { value, change, put: put_, set: name => event => put_(name, event.target.value), error, problem, fail };
}

/** A labelled text input of a wizard. */
export const Text = ({
  wizard,
  name,
  label,
  hint,
  ...rest
}) => html`<${Field} label=${label} hint=${hint} error=${wizard.error(name)}>
  <input type="text" autocomplete="off" value=${wizard.value[name]} onInput=${wizard.set(name)} ...${rest}/><//>`;

/** A labelled select; `options` are [value, label]. */
export const Select = ({
  wizard,
  name,
  label,
  hint,
  options,
}) => html`<${Field} label=${label} hint=${hint} error=${wizard.error(name)}>
  <select value=${wizard.value[name]} onChange=${wizard.set(name)}>${options.map(
    ([word, text]) => html`<option
    key=${word} value=${word} selected=${word === wizard.value[name]}>${text}</option>`,
  )}</select><//>`;

/** Where it goes: a group that is there or is made, and a region. */
export function Place({ wizard, located = true }) {
  const { subscription } = useLab();
  const groups = useGroups();
  const regions = useLoad(signal => list(`${subscription}/locations`, { signal }), [subscription]);
  const known = (groups.value ?? []).find(group => group.name.toLowerCase() === wizard.value.group.toLowerCase());
  return html`<${Text} wizard=${wizard} name="group" label="Resource group *" list="groups-known" required
    hint=${groups.value && !known ? 'It will be made.' : undefined}/>
    <datalist id="groups-known">${(groups.value ?? []).map(
      group => html`<option key=${group.id}
      value=${group.name}/>`,
    )}</datalist>
    ${
      located &&
      html`<${Field} label="Region *" error=${wizard.error('location')}><select value=${wizard.value.location}
        onChange=${wizard.set('location')}>
      ${[...new Set([wizard.value.location, ...(regions.value ?? []).map(region => region.name)])].map(
        name => html`<option
        key=${name} value=${name} selected=${name === wizard.value.location}>${name}</option>`,
      )}</select><//>`
    }`;
}

/** Where a wizard starts: the first group that there is. */
export const START = { group: 'lab', location: 'westeurope' };

/** Makes the group where it is missing. */
export async function ensureGroup(subscription, group, location) {
  const path = `${subscription}/resourceGroups/${group}`;
  try {
    await ask('GET', path);
  } catch (error) {
    if (error.status !== 404) throw error;
    await ask('PUT', path, { location: location === 'global' ? 'westeurope' : location });
  }
}

/** A wizard that ends in one PUT. `request()` is {path, body}; without a group of its own `group` is empty. */
export function Frame({ wizard, request, group = '', location = '', ready = true, children, after, condition }) {
  const { subscription, navigate, say } = useLab();
  const here = useHere();
  const [busy, set] = useState(false);
  const sent = request();
  const go = async () => {
    set(true);
    wizard.fail(null);
    try {
      if (group) await ensureGroup(subscription, group, location);
      const made = await put(sent.path, sent.body, condition ? { headers: condition } : {});
      say(`${made?.name ?? 'It'} is there.`, 'good');
      if (here.current) navigate(after ?? resourcePath(made?.id ?? sent.path));
    } catch (error) {
      wizard.fail(error);
      set(false);
    }
  };
  return html`<form noValidate class="form wideform card" aria-label="Wizard" onSubmit=${e => {
    e.preventDefault();
    if (ready) go();
  }}><${Refusal} error=${wizard.problem}/>${children}
    <div class="actions"><${Button} primary type="submit" busy=${busy} disabled=${!ready}>Create<//><a class="button"
      href="#/resources">Cancel</a></div>
    <${ShowRequest} method="PUT" path=${sent.path} body=${sent.body}/></form>`;
}

/** A wizard that makes several resources together: a template deployment, with its progress. */
export function DeploymentFrame({ wizard, name, template, ready, children, then }) {
  const { subscription, say } = useLab();
  const [state, set] = useState({});
  const { group, location } = wizard.value;
  const path = `${subscription}/resourceGroups/${group}/providers/Microsoft.Resources/deployments/${name || 'new'}`;
  const body = { properties: { mode: 'Incremental', template } };
  const go = async () => {
    set({ busy: true });
    wizard.fail(null);
    try {
      await ensureGroup(subscription, group, location);
      await ask('PUT', path, body);
      say(`Making ${name}.`, 'info');
      set({ running: path, turn: Date.now() });
    } catch (error) {
      wizard.fail(error);
      set({});
    }
  };
  return html`<form noValidate class="form wideform card" aria-label="Wizard" onSubmit=${e => {
    e.preventDefault();
    if (ready) go();
  }}><${Refusal} error=${wizard.problem?.quiet ? null : wizard.problem}/>${children}
    <div class="actions"><${Button} primary type="submit" busy=${state.busy} disabled=${!ready}>Create<//><a
      class="button" href="#/resources">Cancel</a></div>
    <${ShowRequest} method="PUT" path=${path} body=${body}/>
    ${
      state.running &&
      html`<${Running} wizard=${wizard} path=${state.running} turn=${state.turn}
      then=${then}/>`
    }</form>`;
}

/** What failed is told at the fields as well, once the deployment is over. */
function Running({ wizard, path, turn, then }) {
  const found = useDeployment(path, turn);
  const state = found.over && found.deployment?.properties.provisioningState;
  useEffect(() => {
    if (state !== 'Failed') return;
    const failed = found.operations
      .filter(row => row.properties.provisioningState === 'Failed')
      .map(row => row.properties);
    const rows = failed.flatMap(each =>
      leaves(each.statusMessage?.error).map(row => ({
        ...row,
        target: `${each.targetResource.id}/${row.target ?? ''}`,
      })),
    );
    wizard.fail({ rows, quiet: true });
  }, [state]);
  const box = useRef();
  useEffect(() => box.current.scrollIntoView({ block: 'nearest' }), [found.over, found.operations?.length]);
  return html`<div ref=${box} class="running"><${Progress} of=${found}/>${
    state === 'Succeeded' &&
    html`<p role="status"><b>It is there.</b> <a href=${`#${resourcePath(then)}`}>Show it</a></p>`
  }</div>`;
}

/** The head of every template that a wizard writes. */
export const template = (resources, parameters = {}) => ({
  $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
  contentVersion: '1.0.0.0',
  parameters,
  resources,
});
