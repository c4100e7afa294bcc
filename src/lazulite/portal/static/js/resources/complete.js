// What may be written at the cursor: names of properties, words of a choice. Pure; the text may be unfinished.
import { allowed, resolve, schemaAt } from './schema.js';

const WORD = /[\w.+-]/;
const EMPTY = { object: '{}', array: '[]', string: '""' };

/**
 * {from, to, options: rows {label, note, insert, cursor}} or null: `insert` replaces the text between the offsets, and
 * the cursor is then so many characters behind `from`. `insert` of a name brings the beginning of its value along.
 */
export function completions(root, text, offset) {
  const at = context(text, offset);
  const options = at && (at.role === 'name' ? names(root, text, at) : values(root, at));
  const typed = text.slice(at?.from, offset).replace(/^"/, '').toLowerCase();
  const fitting = (options ?? []).filter(row => row.label.toLowerCase().includes(typed));
  fitting.sort((a, b) => Number(b.label.toLowerCase().startsWith(typed)) - Number(a.label.toLowerCase().startsWith(typed)));
  return fitting.length ? { from: at.from, to: at.to, options: fitting } : null;
}

function names(root, text, at) {
  const holder = schemaAt(root, at.path);
  const named = /^\s*:/.test(text.slice(at.to));
  return Object.entries(holder?.properties ?? {}).map(([name, own]) => [name, resolve(root, own)])
    .filter(([name, own]) => !own.readOnly && own.effect !== 'refused' && !at.given.has(name.toLowerCase()))
    .map(([name, own]) => {
      const begun = named ? '' : `: ${EMPTY[own.enum ? 'string' : own.type] ?? ''}`;
      const insert = `"${name}"${begun}`;
      return { label: name, note: allowed(own), insert, cursor: insert.length - (/["}\]]$/.test(begun) ? 1 : 0) };
    });
}

function values(root, at) {
  const own = schemaAt(root, at.path) ?? {};
  const words = own.enum ?? own.examples ?? [];
  const quoted = words.map(word => ({ label: String(word), note: '', insert: JSON.stringify(word), cursor: JSON.stringify(word).length }));
  const truths = own.type === 'boolean' && !at.quoted ? ['true', 'false'].map(word => ({ label: word, note: '', insert: word, cursor: word.length })) : [];
  return [...quoted, ...truths];
}

/** {role: 'name' or 'value', path, given, quoted, from, to} of a cursor, or null where neither can stand. */
export function context(text, offset) {
  const stack = [];
  let at = 0;
  while (at < offset) {
    const sign = text[at];
    const end = sign === '"' ? stringEnd(text, at) : at + 1;
    const open = sign === '"' && (end === at + 1 || text[end - 1] !== '"');
    if (sign === '"' && (end > offset || (open && end === offset))) return place(stack, at, open ? wordEnd(text, offset) : end, true);
    if (sign === '"') heard(stack.at(-1), text.slice(at + 1, end - 1));
    else step(stack, sign);
    at = end;
  }
  let from = offset;
  while (from > 0 && WORD.test(text[from - 1])) from--;
  return place(stack, from, wordEnd(text, offset), false);
}

function wordEnd(text, from) {
  let to = from;
  while (WORD.test(text[to] ?? '')) to++;
  return to;
}

/** Behind the closing quote, or the end of the line where none closes it. */
function stringEnd(text, from) {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
    else if (text[at] === '\n') return at;
  }
  return text.length;
}

function heard(top, string) {
  if (!top || top.list) return;
  if (top.value) top.done = true;
  else {
    top.name = string;
    top.given.add(string.toLowerCase());
  }
}

function step(stack, sign) {
  const top = stack.at(-1);
  if (sign === '{' || sign === '[') stack.push({ list: sign === '[', index: 0, name: '', value: false, done: false, given: new Set() });
  else if (sign === '}' || sign === ']') {
    stack.pop();
    if (stack.length) stack.at(-1).done = true;
  } else if (top && sign === ':') top.value = true;
  else if (top && sign === ',') Object.assign(top, { index: top.index + 1, name: '', value: false, done: false });
}

function place(stack, from, to, quoted) {
  const top = stack.at(-1);
  if (!top || top.done || (!top.list && !top.value && top.name)) return null;
  const role = top.list || top.value ? 'value' : 'name';
  const path = stack.slice(0, role === 'name' ? -1 : undefined).reduce((at, each) => {
    if (each.list) return `${at}[${each.index}]`;
    return at ? `${at}.${each.name}` : each.name;
  }, '');
  return { role, path, given: top.given, quoted, from, to };
}
