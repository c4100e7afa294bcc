// Small pieces that all views share. Everything that can be clicked is a button or a link, and has a name.
import { html, useEffect, useId, useRef, useState } from './html.js';

export const Button = ({ children, primary, danger, busy, ...rest }) => html`
  <button type="button" class=${['button', primary && 'primary', danger && 'danger'].filter(Boolean).join(' ')}
    disabled=${busy || rest.disabled} aria-busy=${busy ? 'true' : undefined} ...${rest}>${children}</button>`;

/** `kind`: good, bad, warn, info or plain. */
export const Tag = ({ kind = 'plain', children }) => html`<span class=${`tag ${kind}`}>${children}</span>`;

export const Health = ({ of }) => html`<span class=${`health ${of || 'none'}`}><span class="dot" aria-hidden="true"/>${of || 'unknown'}</span>`;

export function Tabs({ tabs, chosen, choose, label }) {
  const move = event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = (tabs.indexOf(chosen) + step + tabs.length) % tabs.length;
    choose(tabs[at]);
    event.currentTarget.children[at].focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${move}>${tabs.map(name => html`
    <button type="button" role="tab" key=${name} aria-selected=${name === chosen ? 'true' : 'false'}
      tabIndex=${name === chosen ? 0 : -1} onClick=${() => choose(name)}>${name}</button>`)}</div>`;
}

/** What an ApiError says: code, message, and every violation. */
export const Problem = ({ error }) => error && html`<div class="problem" role="alert">
  <b>${error.code ?? 'Error'}</b> <span>${error.message}</span>
  ${error.details?.length > 0 && html`<ul>${error.details.map(row => html`<li><b>${row.code}</b> ${row.message}${row.target && html` <code>${row.target}</code>`}</li>`)}</ul>`}
</div>`;

export const Loading = ({ what = 'Loading' }) => html`<p class="quiet" role="status">${what}…</p>`;
/** Nothing to see, and what to do about it; `whole`: on the whole page. */
export const Empty = ({ title, whole, children }) => html`<div class="empty">${whole ? html`<h1>${title}</h1>` : html`<h2>${title}</h2>`}<p>${children}</p></div>`;

/** A labelled input with its own error below it. */
export function Field({ label, error, hint, children }) {
  const id = useId();
  const described = [error && `${id}e`, hint && `${id}h`].filter(Boolean).join(' ') || undefined;
  const child = { ...children, props: { ...children.props, id, 'aria-describedby': described, 'aria-invalid': error ? 'true' : undefined } };
  return html`<div class="field"><label for=${id}>${label}</label>${child}
    ${hint && html`<small id=${`${id}h`}>${hint}</small>`}${error && html`<small id=${`${id}e`} class="wrong" role="alert">${error}</small>`}</div>`;
}

/** A modal dialog: the focus stays inside, Escape closes. */
export function Dialog({ title, close, children, wide }) {
  const box = useRef();
  useEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return html`<dialog ref=${box} class=${wide ? 'wide' : ''} aria-label=${title} onCancel=${event => { event.preventDefault(); close(); }}>
    <header><h2>${title}</h2><${Button} aria-label="Close" onClick=${close}>✕<//></header><div class="inside">${children}</div></dialog>`;
}

/** Rows with a filter and sortable columns: `columns` are {name, of(row), show?(row), number?}. */
export function Table({ rows, columns, label, keyOf, filter = true, empty = 'Nothing here.', most = 500 }) {
  const [words, setWords] = useState('');
  const [order, setOrder] = useState({ column: null, down: false });
  const text = row => columns.map(c => String(c.of(row) ?? '')).join(' ').toLowerCase();
  const found = words ? rows.filter(row => words.toLowerCase().split(/\s+/).every(word => text(row).includes(word))) : [...rows];
  if (order.column) {
    const { of } = columns.find(c => c.name === order.column);
    found.sort((a, b) => (order.down ? -1 : 1) * (of(a) > of(b) ? 1 : of(a) < of(b) ? -1 : 0));
  }
  const sort = name => setOrder(now => ({ column: name, down: now.column === name && !now.down }));
  return html`<div class="tableview">
    ${filter && html`<input class="filter" type="search" aria-label=${`Filter ${label}`} placeholder="Filter" value=${words} onInput=${e => setWords(e.target.value)}/>`}
    <div class="scroll"><table aria-label=${label}><thead><tr>${columns.map(c => html`
      <th key=${c.name} scope="col" class=${c.number ? 'number' : ''} aria-sort=${order.column === c.name ? (order.down ? 'descending' : 'ascending') : undefined}>
        <button type="button" onClick=${() => sort(c.name)}>${c.name}</button></th>`)}</tr></thead>
    <tbody>${found.slice(0, most).map(row => html`<tr key=${keyOf(row)}>${columns.map(c => html`
      <td key=${c.name} class=${c.number ? 'number' : ''}>${c.show ? c.show(row) : c.of(row)}</td>`)}</tr>`)}</tbody></table>
    ${found.length === 0 && html`<p class="quiet">${rows.length ? 'Nothing matches the filter.' : empty}</p>`}
    ${found.length > most && html`<p class="quiet">${found.length - most} more: filter to see them.</p>`}</div></div>`;
}

export const rate = bytes => (bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB/s` : bytes >= 1e3 ? `${Math.round(bytes / 1e3)} kB/s` : `${Math.round(bytes)} B/s`);
