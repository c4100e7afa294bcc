// Help while typing JSON: indents, brackets and quotes in pairs, and which bracket is the other one. Pure.

const PAIRS = { '{': '}', '[': ']', '"': '"' };
const CLOSING = new Set(Object.values(PAIRS));
const INDENT = '  ';

/**
 * What a key does beyond what it does by itself: {from, to, insert, cursor} or null. `cursor` is [start, end]: offsets of
 * the text as it is then.
 */
export function keyed(text, start, end, key) {
  if (key === 'Enter') return newLine(text, start, end);
  if (key === 'Backspace' && start === end && CLOSING.has(text[start]) && PAIRS[text[start - 1]] === text[start]) {
    return { from: start - 1, to: start + 1, insert: '', cursor: [start - 1, start - 1] };
  }
  if (CLOSING.has(key) && start === end && text[start] === key && quoted(text, start) === (key === '"')) {
    return { from: start, to: start, insert: '', cursor: [start + 1, start + 1] };
  }
  if (key === '}' || key === ']') return closing(text, start, end, key);
  if (key in PAIRS) return opening(text, start, end, key);
  return null;
}

/** Lines from `start` to `end` two columns to the right, or back. */
export function indented(text, start, end, back) {
  const from = text.lastIndexOf('\n', start - 1) + 1;
  const until = text.indexOf('\n', Math.max(end - (end > start && text[end - 1] === '\n' ? 1 : 0), from));
  const to = until < 0 ? text.length : until;
  const lines = text.slice(from, to).split('\n').map(line => (back ? line.replace(/^ {1,2}/, '') : INDENT + line));
  const insert = lines.join('\n');
  return { from, to, insert, cursor: start === end ? [Math.max(from, start + (back ? insert.length - (to - from) : 2)), Math.max(from, start + insert.length - (to - from))] : [from, from + insert.length] };
}

/** Offsets of the bracket beside the cursor and of its partner, or null; strings have no brackets. */
export function partners(text, cursor) {
  const open = [];
  const beside = at => at === cursor || at === cursor - 1;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === '"') at = stringEnd(text, at);
    else if (sign === '{' || sign === '[') open.push(at);
    else if (sign === '}' || sign === ']') {
      const from = open.pop();
      if (from !== undefined && PAIRS[text[from]] === sign && (beside(from) || beside(at))) return [from, at];
    }
  }
  return null;
}

/** The offset of the quote that closes a string, or of the end of its line. */
function stringEnd(text, from) {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"' || text[at] === '\n') return at;
  }
  return text.length;
}

/** Whether an offset is within a string of its line: none goes beyond a line. */
function quoted(text, offset) {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return (line.replace(/\\./g, '').match(/"/g)?.length ?? 0) % 2 === 1;
}

function newLine(text, start, end) {
  const line = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  const before = /^ */.exec(line)[0];
  const opened = /[{[]\s*$/.test(line) && !quoted(text, start);
  const closes = opened && PAIRS[line.trimEnd().at(-1)] === text[end];
  const inner = `\n${before}${opened ? INDENT : ''}`;
  return { from: start, to: end, insert: closes ? `${inner}\n${before}` : inner, cursor: [start + inner.length, start + inner.length] };
}

/** A bracket that closes, alone in its line, stands two columns to the left. */
function closing(text, start, end, key) {
  const from = text.lastIndexOf('\n', start - 1) + 1;
  if (start !== end || !/^ {2,}$/.test(text.slice(from, start))) return null;
  return { from: start - 2, to: start, insert: key, cursor: [start - 1, start - 1] };
}

/** Its partner comes along, where nothing stands behind it that it could enclose; a choice is enclosed. */
function opening(text, start, end, key) {
  if (start !== end) {
    const insert = key + text.slice(start, end) + PAIRS[key];
    return { from: start, to: end, insert, cursor: [start + 1, start + insert.length - 1] };
  }
  if (quoted(text, start) || !/^[\s,}\]]?$/.test(text[start] ?? '')) return null;
  return { from: start, to: start, insert: key + PAIRS[key], cursor: [start + 1, start + 1] };
}
