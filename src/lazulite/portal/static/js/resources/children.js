// What stands below a resource and is a resource of its own: tables with add, edit and delete.
import { html, useState } from '../html.js';
import { get, list, put } from '../api.js';
import { parseId, resourcePath, useLab, useLoad } from '../lab.js';
import { Button, Dialog, Field, Loading, Problem, Table, Tag } from '../parts.js';
import { errorsOf, Fields, Refusal } from './form.js';
import { ShowRequest } from './editor.js';
import { withAt } from './json.js';
import { createPath } from './paths.js';
import { DeleteDialog } from './remove.js';
import { useRevision } from './revision.js';
import { resolve, schemaOf, sendable, writable } from './schema.js';
import { brief, oneOf, spoken, within } from './words.js';

const ranges = (p, one, many) => brief(p[many]?.length ? p[many] : p[one]);
const access = row =>
  html`<${Tag} kind=${row.properties.access === 'Allow' ? 'good' : 'bad'}>${row.properties.access}<//>`;
const COLUMNS = {
  securityRules: [
    ['Priority', p => p.priority],
    ['Direction', p => p.direction],
    ['Access', p => p.access, access],
    ['Protocol', p => p.protocol],
    [
      'From',
      p => ranges(p, 'sourceAddressPrefix', 'sourceAddressPrefixes') || brief(p.sourceApplicationSecurityGroups),
    ],
    [
      'To',
      p =>
        ranges(p, 'destinationAddressPrefix', 'destinationAddressPrefixes') ||
        brief(p.destinationApplicationSecurityGroups),
    ],
    ['Port', p => ranges(p, 'destinationPortRange', 'destinationPortRanges')],
  ],
  routes: [
    ['Prefix', p => p.addressPrefix],
    ['Next hop', p => p.nextHopType],
    ['Next hop address', p => p.nextHopIpAddress],
  ],
  subnets: [
    ['Prefix', p => ranges(p, 'addressPrefix', 'addressPrefixes')],
    ['Security group', p => brief(p.networkSecurityGroup)],
    ['Route table', p => brief(p.routeTable)],
    ['NAT gateway', p => brief(p.natGateway)],
    ['Addresses used', p => p.ipConfigurations?.length ?? 0],
  ],
  virtualNetworkPeerings: [
    ['Remote network', p => brief(p.remoteVirtualNetwork)],
    ['State', p => p.peeringState],
    ['Forwarded', p => brief(p.allowForwardedTraffic)],
    ['Gateway transit', p => brief(p.allowGatewayTransit)],
  ],
};
COLUMNS.defaultSecurityRules = COLUMNS.securityRules;
const SETS = /^Microsoft\.Network\/(dnszones|privateDnsZones)$/i;

/** Rows {title, wire, type, rows?, from?, own} of the tables of a resource: lists in its document, and types below its own. */
export function childTabs(document, root, types) {
  const { type } = parseId(document.id);
  const known = document.properties ?? {};
  const lists = root.children
    .filter(wire => Array.isArray(known[wire]))
    .map(wire => ({ title: spoken(wire), wire, type: `${type}/${wire}`, rows: known[wire], own: true }));
  const defaults = known.defaultSecurityRules
    ? [{ title: 'Default rules', wire: 'defaultSecurityRules', rows: known.defaultSecurityRules, own: false }]
    : [];
  if (SETS.test(type)) {
    const verb = /dnszones$/i.test(type) && !/private/i.test(type) ? 'recordsets' : 'ALL';
    return [
      ...lists,
      { title: 'Record sets', wire: '', type, from: `${document.id}/${verb}`, own: true, records: true },
      ...nested(
        document,
        type,
        types.filter(t => /Links$/i.test(t.type)),
      ),
    ];
  }
  return [...lists, ...defaults, ...nested(document, type, types)];
}

const nested = (document, type, types) =>
  types
    .map(known => known.type)
    .filter(
      name =>
        name.toLowerCase().startsWith(`${type.toLowerCase()}/`) &&
        name.split('/').length === type.split('/').length + 1,
    )
    .map(name => ({
      title: spoken(name.split('/').at(-1)),
      wire: name.split('/').at(-1),
      type: name,
      from: `${document.id}/${name.split('/').at(-1)}`,
      own: true,
    }));

export function ChildTable({ child, document, again }) {
  const { say } = useLab();
  const stored = useRevision();
  const listed = useLoad(
    signal => (child.from ? list(child.from, { signal }) : Promise.resolve(null)),
    [child.from],
    [stored],
  );
  const schema = useLoad(
    () => (child.type && !child.records ? schemaOf(child.type) : Promise.resolve(null)),
    [child.type],
  );
  const [editing, edit] = useState(null);
  const [deleting, drop] = useState(null);
  const rows = child.from ? (listed.value ?? []) : child.rows;
  const done = async text => {
    const nothing = () => undefined;
    const reading = [get(document.id), child.from && list(child.from)].map(one => Promise.resolve(one).catch(nothing));
    const [known, rows] = await Promise.all(reading); // the next edit is of what is there now
    again(known);
    listed.again(rows || undefined);
    say(text, 'good');
    edit(now => (now === editing ? null : now)); // another one may be open by now
    drop(now => (now === deleting ? null : now));
  };
  const what = child.records ? 'Record set' : oneOf(child.title);
  return html`<section class="card" aria-label=${child.title}><header class="inline"><h2>${child.title}</h2>
      ${
        child.own &&
        (child.records
          ? html`<a class="button" href=${createPath('record', { of: document.id })}>Add record set</a>`
          : html`<${Button} disabled=${!schema.value} onClick=${() => edit({})}>Add ${within(what)}<//>`)
      }</header>
    <${Problem} error=${listed.error ?? schema.error}/>${child.from && !listed.value && listed.loading && html`<${Loading}/>`}
    <${Table} label=${child.title} rows=${rows} keyOf=${row => row.id ?? row.name}
      columns=${[...columns(child, schema.value), ...(child.own ? [actions(child, schema.value, edit, drop)] : [])]}
      filter=${rows.length > 8} empty=${child.from && !listed.value ? '' : 'None yet.'}/>
    ${
      editing &&
      html`<${Edit} child=${child} what=${what} document=${document} root=${schema.value} row=${editing}
      done=${done} close=${() => edit(null)}/>`
    }
    ${
      deleting &&
      html`<${DeleteDialog} ids=${[deleting.id]} name=${deleting.name}
      done=${() => done(`${deleting.name} is deleted.`)} close=${() => drop(null)}/>`
    }</section>`;
}

function columns(child, root) {
  const name = {
    name: 'Name',
    of: row => row.name,
    show: row => (child.own ? html`<a href=${`#${resourcePath(row.id)}`}>${row.name}</a>` : row.name),
  };
  if (child.records) return [name, ...RECORDS];
  const known = COLUMNS[child.wire] ?? generic(root);
  return [
    name,
    ...known.map(([title, of, show]) => ({ name: title, of: row => of(row.properties ?? {}) ?? '', show })),
  ];
}

/** The first few plain properties, where nobody thought of a better choice. */
function generic(root) {
  if (!root) return [];
  const rows = writable(root, root.properties.properties).filter(
    row => row.schema.effect !== 'kept' && row.schema.effect !== 'refused',
  );
  return rows.slice(0, 4).map(row => [spoken(row.name), p => brief(p[row.name]).slice(0, 80)]);
}

const records = p =>
  Object.entries(p)
    .filter(([name]) => /records?$/i.test(name))
    .flatMap(([, held]) => (Array.isArray(held) ? held : [held]))
    .map(record => Object.values(record).map(brief).join(' '))
    .join(', ');
const RECORDS = [
  { name: 'Type', of: row => row.type.split('/').at(-1) },
  { name: 'TTL', of: row => row.properties.TTL ?? row.properties.ttl ?? '', number: true },
  { name: 'Records', of: row => records(row.properties) || brief(row.properties.targetResource) },
];

/** A form needs its schema first. */
const actions = (child, root, edit, drop) => ({
  name: 'Actions',
  of: () => '',
  show: row => html`<span class="row-actions">${
    child.records
      ? html`<a class="button"
    aria-label=${`Edit ${row.name}`} href=${`#${resourcePath(row.id)}?tab=Properties`}>Edit</a>`
      : html`<${Button}
    aria-label=${`Edit ${row.name}`} disabled=${!root} onClick=${() => edit(row)}>Edit<//>`
  }
    <${Button} aria-label=${`Delete ${row.name}`} onClick=${() => drop(row)}>Delete<//></span>`,
});

/** A child in a dialog; its write says which version of the parent it was made for. */
function Edit({ child, what, document, root, row, done, close }) {
  const fresh = !row.id;
  const [name, setName] = useState(row.name ?? '');
  const [draft, set] = useState(() => (fresh ? { properties: {} } : sendable(root, root, row)));
  const [etag, setEtag] = useState(document.etag);
  const [state, say] = useState({});
  const change = (path, value) => set(now => withAt(now, path, value));
  const path = fresh ? `${document.id}/${child.wire}/${name}` : row.id;
  const save = async () => {
    say({ busy: true });
    try {
      await put(path, draft, { headers: fresh || child.from ? {} : { 'if-match': etag } });
      await done(`${name} is saved.`);
    } catch (error) {
      say({ error });
    }
  };
  const errors = errorsOf(state.error);
  const stale = !fresh && !child.from && !state.busy && etag !== document.etag; // while it is saved, that is its own
  return html`<${Dialog} title=${fresh ? `Add ${within(what)}` : `Edit ${name}`} close=${close} wide>
    <form noValidate class="form wideform" aria-label=${fresh ? `Add ${within(what)}` : `Edit ${name}`}
      onSubmit=${e => {
        e.preventDefault();
        save();
      }}>
    ${
      stale &&
      html`<div class="problem warn" role="alert">
      <b>Somebody else changed ${document.name} meanwhile.</b> <${Button}
      onClick=${() => setEtag(document.etag)}>Save mine all the same<//></div>`
    }
    <${Refusal} error=${state.error}/>
    ${
      fresh &&
      html`<${Field} label="Name *" error=${errors('name')}><input type="text" required value=${name}
      onInput=${e => setName(e.target.value.trim())}/><//>`
    }
    <div class="fields two"><${Fields} root=${root} schema=${resolve(root, root.properties.properties)}
      value=${draft.properties ?? {}} path="properties" change=${change} errors=${errors} fixed=${!fresh}/></div>
    <div class="actions"><${Button} primary type="submit" busy=${state.busy} disabled=${!name}>Save<//><${Button}
      onClick=${close}>Cancel<//></div>
    <${ShowRequest} method="PUT" path=${path} body=${draft}/></form><//>`;
}
