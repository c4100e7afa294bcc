// The JSON of a resource as text: lines have numbers, what is wrong stands at its property, and help follows the cursor.
// A textarea does the typing, so that whatever reads or writes text for people does so here too.
import { html, useId, useMemo, useRef, useState } from '../html.js';
import { Button } from '../parts.js';
import { complaints } from './check.js';
import { completions } from './complete.js';
import { above, lineAt, outline, pathAt, placeOf, steps } from './json.js';
import { allowed, resolve, schemaAt } from './schema.js';
import { Choices, Marks } from './sheet.js';
import { indented, keyed, partners } from './typing.js';

const LINE = 18;
const MOVES = { ArrowDown: 1, ArrowUp: -1 };

/**
 * `text` and `change(text)`; `root` is the schema of the document; `violations` are rows {code, message, target} of the
 * last answer. What is no JSON, and what the schema has against it, is told while one types, before anything is sent.
 */
export function Editor({ text, change, root, violations, label }) {
  const area = useRef();
  const gutter = useRef();
  const id = useId();
  const [cursor, setCursor] = useState(0);
  const [scroll, setScroll] = useState({ top: 0, left: 0 });
  const [offered, offer] = useState(null);
  const found = useMemo(() => outline(text), [text]);
  const marks = useMemo(() => marksOf(found, violations, root), [found, violations, root]);
  const pair = useMemo(() => partners(text, cursor), [text, cursor]);
  const move = () => setCursor(area.current.selectionStart);
  const select = (from, to) => {
    area.current.focus();
    area.current.setSelectionRange(from, to);
    setCursor(from);
  };
  const jump = mark => {
    select(mark.from, mark.to);
    area.current.scrollTop = Math.max(0, (mark.line - 5) * LINE);
  };
  const edit = ({ from, to, insert, cursor: [start, end] }) => {
    select(from, to);
    if (insert || from !== to) document.execCommand(insert ? 'insertText' : 'delete', false, insert); // so that it can be undone
    select(start, end);
    look(false);
  };
  const look = always => {
    const at = area.current.selectionStart;
    const next = at === area.current.selectionEnd ? completions(root, area.current.value, at) : null;
    offer(next && (always || area.current.value[next.from] === '"') ? { ...next, at: 0 } : null);
  };
  const take = option => {
    offer(null);
    const end = offered.from + option.cursor;
    edit({ from: offered.from, to: offered.to, insert: option.insert, cursor: [end, end] });
  };
  const press = event => {
    if (offered && chosen(event, offered, offer, take)) return event.preventDefault();
    const { value, selectionStart: start, selectionEnd: end } = event.target;
    const held = event.ctrlKey || event.metaKey;
    if (held && event.key === ' ') look(true);
    const done = held ? shifted(event, value, start, end) : event.altKey || event.isComposing ? null : keyed(value, start, end, event.key);
    if (!done && !(held && event.key === ' ')) return undefined;
    event.preventDefault();
    return done && edit(done);
  };
  return html`<div class="editor">
    <div class="sheet"><div class="text">
      <div class="gutter" ref=${gutter} aria-hidden="true">${text.split('\n').map((_, at) => {
        const here = marks.filter(mark => mark.line === at + 1);
        return html`<div key=${at} class=${here.length ? 'wrong' : ''}
          title=${here.map(mark => mark.message).join('\n') || undefined}>${at + 1}</div>`;
      })}</div>
      <div class="paper"><${Marks} text=${text} marks=${marks} pair=${pair} scroll=${scroll}/>
      <textarea ref=${area} aria-label=${label} aria-invalid=${marks.length ? 'true' : undefined}
        aria-describedby=${`${id}keys editor-help`} aria-autocomplete="list" aria-controls=${offered ? `${id}list` : undefined}
        aria-activedescendant=${offered ? `${id}${offered.at}` : undefined} spellcheck=${false} wrap="off" value=${text}
        onInput=${e => {
          change(e.target.value);
          move();
          look(false);
        }} onKeyDown=${press} onKeyUp=${move} onClick=${() => {
          move();
          offer(null);
        }} onBlur=${() => offer(null)} onScroll=${e => {
          gutter.current.scrollTop = e.target.scrollTop;
          setScroll({ top: e.target.scrollTop, left: e.target.scrollLeft });
        }}/>
      ${offered && html`<${Choices} id=${id} offered=${offered} text=${text} scroll=${scroll} take=${take}/>`}</div>
    </div><${Help} root=${root} found=${found} cursor=${cursor} text=${text}/></div>
    <${Wrong} marks=${marks} jump=${jump}/>
    <p class="unseen" role="status">${offered ? `${offered.options.length} suggestions; ${offered.options[offered.at].label}` : ''}</p>
    <p class="quiet keys" id=${`${id}keys`}>Ctrl+Space suggests, Enter takes a suggestion, Escape closes; Ctrl+] and Ctrl+[ move lines; Tab leaves the editor.
      <${Button} disabled=${Boolean(found.error)} onClick=${() => edit({ from: 0, to: text.length, insert: JSON.stringify(found.value, null, 2), cursor: [0, 0] })}>Format<//></p></div>`;
}

/** Whether a key was for the suggestions. */
function chosen(event, offered, offer, take) {
  const count = offered.options.length;
  if (MOVES[event.key]) offer({ ...offered, at: (offered.at + MOVES[event.key] + count) % count });
  else if (event.key === 'Enter') take(offered.options[offered.at]);
  else if (event.key === 'Escape') offer(null);
  else return false;
  return true;
}

const shifted = (event, text, start, end) =>
  event.key === ']' || event.key === '[' ? indented(text, start, end, event.key === '[') : null;

/**
 * What is wrong, each with the way to its line; what the lab said is told at once, what the schema says when one pauses.
 * It stands below the text, which so stays where it is while one types.
 */
function Wrong({ marks, jump }) {
  if (!marks.length) return null;
  const said = marks.some(mark => mark.said);
  return html`<section class=${said ? 'problem' : 'problem warn'} role=${said ? 'alert' : 'status'} aria-label="What is wrong">
    <b>${marks.length === 1 ? 'One violation' : `${marks.length} violations`}</b>
    <ul>${marks.map(
      mark => html`<li><button type="button" class="jump"
      onClick=${() => jump(mark)}>Line ${mark.line}</button> <b>${mark.code}</b> ${mark.message}</li>`,
    )}</ul></section>`;
}

/** Rows {line, from, to, code, message, said}: what the lab said stands for what the schema says of the same place. */
function marksOf(found, violations, root) {
  if (found.error) {
    const { line, at, message } = found.error;
    return [{ line, from: at, to: at + 1, code: 'NotJson', message, said: true }];
  }
  const said = (violations ?? []).map(row => ({ ...row, ...spot(found.places, row.target ?? ''), said: true }));
  const told = new Set(said.map(mark => (mark.target ?? '').toLowerCase()));
  const rows = complaints(root, found.value).filter(row => !told.has(row.path.toLowerCase()));
  return [...said, ...rows.map(row => ({ code: 'Schema', message: row.message, ...spot(found.places, row.path) }))];
}

function spot(places, path) {
  const { line, from, to } = placeOf(places, path) ?? { line: 1, from: 0, to: 1 };
  return { line, from, to };
}

/** What may stand where the cursor is. */
function Help({ root, found, cursor, text }) {
  const path = pathAt(found.places, cursor);
  const here = schemaAt(root, path);
  const holder = here?.properties ? path : above(path);
  const around = schemaAt(root, holder) ?? {};
  const rows = Object.entries(around.properties ?? {})
    .map(([name, own]) => [name, resolve(root, own)])
    .filter(([, own]) => !own.readOnly);
  return html`<aside id="editor-help" aria-label="What is allowed here"><p
    class="quiet">Line ${lineAt(text, cursor)}</p>
    <h2 class="mono">${path || 'the document'}</h2>
    ${
      path && !here
        ? html`<p
      class="wrong">Not known here.</p>`
        : html`<p>${path ? allowed(here) : ''}${here?.readOnly ? ' · computed by the service' : ''}${here?.immutable ? ' · fixed at creation' : ''}</p>`
    }
    ${here?.description && html`<p>${here.description}</p>`}
    <h2>${holder ? String(steps(holder).at(-1)) : 'The document'} may have</h2>
    <ul>${rows.map(
      ([name, own]) => html`<li key=${name}>
      <code>${name}</code>${(around.required ?? []).includes(name) ? ' *' : ''} <span
      class="quiet">${allowed(own)}${notes(own)}</span></li>`,
    )}</ul></aside>`;
}

const notes = own =>
  `${own.effect === 'refused' ? ' · refused here' : ''}${own.effect === 'kept' ? ' · stored without effect' : ''}`;

/** A request as a script would send it, behind a button. */
export function ShowRequest({ method, path, body }) {
  const [open, set] = useState(false);
  const told = `${method} ${path}\n\n${JSON.stringify(body, null, 2)}`;
  return html`<div class="request"><${Button} aria-expanded=${open ? 'true' : 'false'}
    onClick=${() => set(!open)}>${open ? 'Hide request' : 'Show request'}<//>
    ${open && html`<pre aria-label="Request">${told}</pre>`}</div>`;
}
