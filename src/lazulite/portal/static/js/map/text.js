// How wide a text is, known without a page: layout is pure, and runs where there is no font. Widths are of the widest
// font that the page may fall back to, so what fits here fits everywhere.
const WIDTHS = [
  [/[il.,:;'|!`]/, 0.34], [/[fjtrI()[\]{}/\\ -]/, 0.42], [/[mwMW@%]/, 0.98], [/[A-Z&]/, 0.7], [/[0-9]/, 0.64], [/[!-~]/, 0.63],
];
const OTHER = 1.02;
const NARROWER = { '↑': 0.84, '↓': 0.84, '·': 0.34, '→': 0.86 };
const BOLD = 1.13;
const ELLIPSIS = '…';
const known = new Map();

function charWidth(char) {
  let found = known.get(char);
  if (found === undefined) {
    found = NARROWER[char] ?? (char === ELLIPSIS ? 1 : WIDTHS.find(([pattern]) => pattern.test(char))?.[1] ?? OTHER);
    known.set(char, found);
  }
  return found;
}

/** Width of a text in units, at a font size in units. */
export function width(text, size, bold = false) {
  let sum = 0;
  for (const char of text) sum += charWidth(char);
  return sum * size * (bold ? BOLD : 1);
}

/** The text, or as much of its beginning and its end as there is room for: numbers at the end tell machines apart. */
export function elide(text, room, size, bold = false) {
  if (width(text, size, bold) <= room) return text;
  const chars = [...text];
  const shown = count => {
    const tail = Math.floor(count * 0.4);
    return chars.slice(0, count - tail).join('') + ELLIPSIS + (tail ? chars.slice(-tail).join('') : '');
  };
  let count = chars.length - 1;
  while (count > 0 && width(shown(count), size, bold) > room) count--;
  return count > 0 ? shown(count) : '';
}

/** A name at the left and a note at the right of one line, so that they never meet: the note gives way first. */
export function line(name, note, room, size, noteSize = size - 2) {
  const left = width(name, size, true);
  const right = note ? width(note, noteSize) + size : 0;
  if (left + right <= room + 0.01) return { name, note };
  const rest = room - Math.min(left, room * 0.6) - size;
  const short = note ? elide(note, rest, noteSize) : '';
  const kept = [...short].length > 6 ? short : '';
  return { name: elide(name, room - (kept ? width(kept, noteSize) + size : 0), size, true), note: kept };
}
