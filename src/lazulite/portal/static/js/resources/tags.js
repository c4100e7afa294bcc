// Tags and locks: what people write on a resource, and what keeps it from being changed.
import { html, useState } from '../html.js';
import { ask, get, list, put, remove } from '../api.js';
import { useLab, useLoad } from '../lab.js';
import { Button, Field, Problem, Table } from '../parts.js';
import { Conflict } from './conflict.js';
import { useTypedOver } from './document.js';

const tagged = document => Object.entries(document.tags ?? {}).map(([name, value]) => ({ name, value }));

export function Tags({ document, again }) {
  const { say } = useLab();
  const held = useTypedOver(document, tagged);
  const [{ error, busy }, tell] = useState({});
  const rows = held.value;
  const set = held.change;
  const change = (at, part) => set(now => now.map((row, index) => (index === at ? { ...row, ...part } : row)));
  const save = async insist => {
    tell({ busy: true });
    try {
      const tags = Object.fromEntries(rows.filter(row => row.name).map(row => [row.name, row.value]));
      const headers = insist || !held.etag ? {} : { 'if-match': held.etag };
      await ask('PATCH', document.id, { tags }, { headers });
      const written = await get(document.id);
      again(written);
      held.settle(written, held.edit);
      tell({});
      say('Tags saved.', 'good');
    } catch (problem) {
      tell({ error: problem });
    }
  };
  const drop = () => {
    tell({});
    held.reset();
  };
  return html`<form noValidate class="form card" aria-label="Tags" onSubmit=${e => {
    e.preventDefault();
    save(false);
  }}><${Conflict} draft=${{ stale: held.stale && !busy, error, reset: drop }} insist=${() => save(true)}/><${Problem} error=${error}/>
    ${rows.length === 0 && html`<p class="quiet">No tags.</p>`}
    ${rows.map(
      (row, at) => html`<div class="pair" key=${at}><input aria-label=${`Name of tag ${at + 1}`} placeholder="Name"
        value=${row.name} onInput=${e => change(at, { name: e.target.value })}/>
      <input aria-label=${`Value of tag ${at + 1}`} placeholder="Value" value=${row.value}
        onInput=${e => change(at, { value: e.target.value })}/>
      <${Button} aria-label=${`Remove tag ${row.name || at + 1}`}
        onClick=${() => set(now => now.filter((_, index) => index !== at))}>✕<//></div>`,
    )}
    <div class="actions"><${Button} onClick=${() => set(now => [...now, { name: '', value: '' }])}>Add tag<//>
      <${Button} primary type="submit" busy=${busy}>Save tags<//></div></form>`;
}

export function Locks({ id }) {
  const { say } = useLab();
  const scope = `${id}/providers/Microsoft.Authorization/locks`;
  const found = useLoad(signal => list(scope, { signal }), [scope]);
  const [name, type] = useState('');
  const [level, choose] = useState('CanNotDelete');
  const [error, fail] = useState(null);
  const act = async work => {
    fail(null);
    try {
      await work();
      found.again();
    } catch (problem) {
      fail(problem);
    }
  };
  const add = () =>
    act(async () => {
      await put(`${scope}/${encodeURIComponent(name)}`, { properties: { level } });
      type(now => (now === name ? '' : now));
      say('Locked.', 'good');
    });
  const columns = [
    { name: 'Name', of: row => row.name },
    { name: 'Level', of: row => row.properties.level },
    { name: 'Notes', of: row => row.properties.notes ?? '' },
    {
      name: 'Unlock',
      of: () => '',
      show: row =>
        html`<${Button} aria-label=${`Remove lock ${row.name}`} onClick=${() => act(() => remove(row.id))}>Remove<//>`,
    },
  ];
  return html`<div class="card"><${Problem} error=${error ?? found.error}/><${Table} label="Locks"
    rows=${found.value ?? []} columns=${columns} keyOf=${row => row.id} filter=${false} empty=${found.value ? 'No lock.' : ''}/>
    <form noValidate class="row" aria-label="Add a lock" onSubmit=${e => {
      e.preventDefault();
      add();
    }}><${Field} label="Name"><input value=${name} onInput=${e => type(e.target.value)}/><//>
      <${Field} label="Level"><select value=${level} onChange=${e => choose(e.target.value)}><option
        value="CanNotDelete">Can not be deleted</option><option value="ReadOnly">Read only</option></select><//>
      <${Button} type="submit" disabled=${!name}>Add lock<//></form></div>`;
}
