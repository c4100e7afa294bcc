// Templates and parameter files as text, and what a plan of them says. Pure.
import { outline } from '../resources/json.js';

/** Text without comments, line for line: templates may have them, JSON has none. */
export function uncommented(text) {
  const blank = found => found.replace(/[^\n]/g, ' ');
  return text
    .replace(/^\uFEFF/, '')
    .replace(/"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, found =>
      found.startsWith('"') ? found : blank(found),
    );
}

/** {value, error: {line, message}} of a template or a parameter file. */
export function read(text) {
  const { value, error } = outline(uncommented(text));
  if (error) return { value: undefined, error };
  const object = value !== null && typeof value === 'object' && !Array.isArray(value);
  return object ? { value, error: null } : { value: undefined, error: { line: 1, message: 'It is no JSON object.' } };
}

/** Whether a document is a template; a parameter file has no resources. */
export const isTemplate = document => document.resources !== undefined;

/** Fields of the parameters of a template: [{name, type, secure, allowed, description, default, required}]. */
export function parametersOf(template) {
  return Object.entries(template.parameters ?? {}).map(([name, declared]) => {
    const kind = (declared.type ?? 'string').toLowerCase();
    return {
      name,
      type: kind.replace('secure', ''),
      secure: kind.startsWith('secure'),
      allowed: declared.allowedValues,
      description: declared.metadata?.description ?? '',
      default: declared.defaultValue,
      required: declared.defaultValue === undefined,
    };
  });
}

/** Whether what a field holds is a reference to a secret of a key vault, as a parameter file has it. */
export const isReference = typed => typed !== null && typeof typed === 'object' && typed.reference !== undefined;

/** Such a reference in words. */
export function secretOf({ reference }) {
  const vault = String(reference?.keyVault?.id ?? '').split('/').pop();
  return `Secret ${reference?.secretName ?? ''} of the key vault ${vault}`;
}

/** What was typed, as the body of a deployment has it: {name: {value}}; what is empty is left to its default. */
export function chosen(fields, typed) {
  return Object.fromEntries(
    fields
      .filter(f => typed[f.name] !== undefined && typed[f.name] !== '')
      .map(f => [f.name, isReference(typed[f.name]) ? typed[f.name] : { value: typedAs(f, typed[f.name]) }]),
  );
}

function typedAs(field, value) {
  if (typeof value !== 'string' || field.type === 'string') return value;
  if (field.type === 'int') return /^-?\d+$/.test(value.trim()) ? Number(value) : value;
  if (field.type === 'bool') return value === 'true';
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Values of a parameter file as the form shows them, references to key vaults as they are. */
export function fromFile(document) {
  const held = document.parameters ?? document;
  const value = entry => (entry !== null && typeof entry === 'object' && 'value' in entry ? entry.value : entry);
  const text = found =>
    typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean'
      ? String(found)
      : JSON.stringify(found, null, 2);
  return Object.fromEntries(
    Object.entries(held).map(([name, entry]) => [
      name,
      entry?.reference ? { reference: entry.reference } : text(value(entry)),
    ]),
  );
}

/** The request that plans a deployment to a group that is there, or to one that would be made: {path, body}. */
export function planOf({ subscription, group, known, name, location, properties }) {
  const what = 'whatIf?reachability=true';
  if (known)
    return {
      path: `${subscription}/resourceGroups/${group}/providers/Microsoft.Resources/deployments/${name}/${what}`,
      body: { properties },
    };
  const type = 'Microsoft.Resources/resourceGroups';
  const resources = [
    { type, apiVersion: '2022-09-01', name: group, location, properties: {} },
    {
      type: 'Microsoft.Resources/deployments',
      apiVersion: '2022-09-01',
      name,
      resourceGroup: group,
      dependsOn: [`[subscriptionResourceId('${type}', '${group}')]`],
      properties: { ...properties, mode: 'Incremental', expressionEvaluationOptions: { scope: 'inner' } },
    },
  ];
  const template = {
    $schema: 'https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    resources,
  };
  return {
    path: `${subscription}/providers/Microsoft.Resources/deployments/${name}/${what}`,
    body: { location, properties: { mode: 'Incremental', template } },
  };
}

const WORDS = {
  Create: 'to create',
  Modify: 'to change',
  Delete: 'to delete',
  Deploy: 'to deploy',
  NoChange: 'unchanged',
  Ignore: 'left alone',
};

/** `3 to create, 1 to change`. */
export function summary(changes) {
  const counts = Object.entries(WORDS).map(([kind, words]) => [
    changes.filter(change => change.changeType === kind).length,
    words,
  ]);
  return (
    counts
      .filter(([count]) => count)
      .map(([count, words]) => `${count} ${words}`)
      .join(', ') || 'nothing'
  );
}

/** Differences of properties, flat: [{path, before, after}]. */
export function flat(delta, above = '') {
  return (delta ?? []).flatMap(each => {
    const path = /^\d+$/.test(each.path) ? `${above}[${each.path}]` : above ? `${above}.${each.path}` : each.path;
    return each.children ? flat(each.children, path) : [{ path, before: each.before, after: each.after }];
  });
}

/** A value as a plan shows it, on one line. */
export const told = value =>
  value === undefined || value === null ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value);
