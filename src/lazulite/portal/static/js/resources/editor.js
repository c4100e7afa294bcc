// The JSON of a resource as text: lines have numbers, what is wrong stands at its line, and help follows the cursor.
import { html, useMemo, useRef, useState } from '../html.js';
import { Button } from '../parts.js';
import { above, lineAt, lineOf, outline, pathAt, steps } from './json.js';
import { allowed, resolve, schemaAt } from './schema.js';

const LINE = 18;

/**
 * `text` and `change(text)`; `root` is the schema of the document; `violations` are rows {code, message, target} of the
 * last answer. What is no JSON is told while one types, before anything is sent.
 */
export function Editor({ text, change, root, violations, label }) {
  const area = useRef();
  const gutter = useRef();
  const [cursor, setCursor] = useState(0);
  const found = useMemo(() => outline(text), [text]);
  const marks = marksOf(found, violations);
  const jump = line => {
    const lines = text.split('\n');
    const from = lines.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
    area.current.focus();
    area.current.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
    area.current.scrollTop = Math.max(0, (line - 5) * LINE);
    setCursor(from);
  };
  const move = () => setCursor(area.current.selectionStart);
  return html`<div class="editor">
    ${
      marks.length > 0 &&
      html`<section class="problem" role="alert" aria-label="What is wrong">
        <b>${marks.length === 1 ? 'One violation' : `${marks.length} violations`}</b>
      <ul>${marks.map(
        mark => html`<li><button type="button" class="jump"
        onClick=${() => jump(mark.line)}>Line ${mark.line}</button> <b>${mark.code}</b> ${mark.message}</li>`,
      )}</ul>
        </section>`
    }
    <div class="sheet"><div class="text">
      <div class="gutter" ref=${gutter} aria-hidden="true">${text.split('\n').map((_, at) => {
        const here = marks.filter(mark => mark.line === at + 1);
        return html`<div key=${at} class=${here.length ? 'wrong' : ''}
          title=${here.map(mark => mark.message).join('\n') || undefined}>${at + 1}</div>`;
      })}</div>
      <textarea ref=${area} aria-label=${label} aria-invalid=${marks.length ? 'true' : undefined}
        aria-describedby="editor-help" spellcheck=${false} wrap="off" value=${text}
        onInput=${e => {
          change(e.target.value);
          move();
        }} onKeyUp=${move} onClick=${move} onScroll=${e => {
          gutter.current.scrollTop = e.target.scrollTop;
        }}/>
    </div><${Help} root=${root} found=${found} cursor=${cursor} text=${text}/></div></div>`;
}

function marksOf(found, violations) {
  if (found.error) return [{ line: found.error.line, code: 'NotJson', message: found.error.message }];
  return (violations ?? []).map(row => ({ ...row, line: lineOf(found.places, row.target ?? '') }));
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
    <h3 class="mono">${path || 'the document'}</h3>
    ${
      path && !here
        ? html`<p
      class="wrong">Not known here.</p>`
        : html`<p>${path ? allowed(here) : ''}${here?.readOnly ? ' · computed by the service' : ''}${here?.immutable ? ' · fixed at creation' : ''}</p>`
    }
    ${here?.description && html`<p>${here.description}</p>`}
    <h3>${holder ? String(steps(holder).at(-1)) : 'The document'} may have</h3>
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
