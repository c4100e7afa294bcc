// What lies below and above the text of the editor: marks at properties, the pair of brackets, suggestions at the cursor.
import { html, useEffect, useRef } from '../html.js';

const LINE = 18;
const EDGE = 8;

/** Line and column of an offset, both from 0. */
export function spotOf(text, offset) {
  const before = text.slice(0, offset);
  const from = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length - 1, column: [...before.slice(from)].length };
}

const at = (text, offset, scroll) => {
  const { line, column } = spotOf(text, offset);
  return { top: `${EDGE + line * LINE - scroll.top}px`, left: `calc(${EDGE - scroll.left}px + ${column}ch)` };
};

/** A wave below what is wrong, as far as its line goes, and boxes around the brackets of a pair. */
export function Marks({ text, marks, pair, scroll }) {
  const boxes = [...marks.map(mark => ({ ...mark, kind: mark.said ? 'wave' : 'wave soft' })), ...(pair ?? []).map(from => ({ from, to: from + 1, kind: 'bracket' }))];
  return html`<div class="marks" aria-hidden="true">${boxes.map(({ from, to, kind }, i) => {
    const long = Math.max(1, [...text.slice(from, to).split('\n')[0]].length);
    return html`<span key=${i} class=${kind} style=${{ ...at(text, from, scroll), width: `${long}ch` }}></span>`;
  })}</div>`;
}

/** Suggestions below the cursor. */
export function Choices({ id, offered, text, scroll, take }) {
  const box = useRef();
  useEffect(() => box.current.children[offered.at]?.scrollIntoView({ block: 'nearest' }), [offered.at]);
  const { top, left } = at(text, offered.from, scroll);
  return html`<ul class="choices" id=${`${id}list`} role="listbox" aria-label="Suggestions" ref=${box} style=${{ top: `calc(${top} + ${LINE}px)`, left }}>
    ${offered.options.map((option, i) => html`<li key=${option.label} id=${`${id}${i}`} role="option" aria-selected=${i === offered.at ? 'true' : 'false'}
      onMouseDown=${event => {
        event.preventDefault();
        take(option);
      }}><b>${option.label}</b> <span class="quiet">${option.note}</span></li>`)}</ul>`;
}
