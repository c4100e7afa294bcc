import assert from 'node:assert/strict';
import test from 'node:test';
import { indented, keyed, partners } from '../../../src/lazulite/portal/static/js/resources/typing.js';

/** Text with ‸ for the cursor, or around what is chosen. */
function read(marked) {
  const start = marked.indexOf('‸');
  const text = marked.replaceAll('‸', '');
  const end = marked.lastIndexOf('‸');
  return { text, start, end: end > start ? end - 1 : start };
}
function shown(text, done) {
  const after = text.slice(0, done.from) + done.insert + text.slice(done.to);
  const [start, end] = done.cursor;
  return start === end ? `${after.slice(0, start)}‸${after.slice(start)}` : `${after.slice(0, start)}‸${after.slice(start, end)}‸${after.slice(end)}`;
}

for (const [what, key, before, after] of [
  ['a brace brings its partner', '{', '‸', '{‸}'],
  ['a bracket before a comma too', '[', '"a": ‸,', '"a": [‸],'],
  ['a quote too', '"', '{ ‸ }', '{ "‸" }'],
  ['a partner that is there is gone over', '}', '{‸}', '{}‸'],
  ['a quote that ends a string is gone over', '"', '"a‸"', '"a"‸'],
  ['what is chosen is enclosed', '[', '‸1, 2‸', '[‸1, 2‸]'],
  ['an empty pair goes at once', 'Backspace', '{ "‸" }', '{ ‸ }'],
  ['a line begins below the last', 'Enter', '  "a": 1,‸', '  "a": 1,\n  ‸'],
  ['a line in a brace is two columns further', 'Enter', '{‸', '{\n  ‸'],
  ['a pair is opened', 'Enter', '  "a": {‸}', '  "a": {\n    ‸\n  }'],
  ['a brace in a string opens nothing', 'Enter', '  "a {‸', '  "a {\n  ‸'],
  ['a bracket that closes moves back', ']', '[\n  1\n    ‸', '[\n  1\n  ]‸'],
]) {
  test(what, () => {
    const { text, start, end } = read(before);
    assert.equal(shown(text, keyed(text, start, end, key)), after);
  });
}

for (const [what, key, before] of [
  ['a letter', 'a', '‸'],
  ['a brace within a string', '{', '"‸"'],
  ['a brace before a word', '{', '‸true'],
  ['a quote before a string', '"', '{ ‸"a": 1 }'],
  ['a bracket that closes behind a value', ']', '[1‸'],
  ['a brace before a brace within a string', '}', '"‸}"'],
  ['taking away a letter', 'Backspace', 'a‸'],
]) {
  test(`${what} is as it is`, () => {
    const { text, start, end } = read(before);
    assert.equal(keyed(text, start, end, key), null);
  });
}

for (const [what, back, before, after] of [
  ['a line is moved to the right', false, '{\n"a‸": 1\n}', '{\n  "a‸": 1\n}'],
  ['and back', true, '{\n  "a‸": 1\n}', '{\n"a‸": 1\n}'],
  ['no further than it goes', true, '‸{\n}', '‸{\n}'],
  ['several lines are moved together', false, '‸a\nb\n‸c', '‸  a\n  b‸\nc'],
]) {
  test(what, () => {
    const { text, start, end } = read(before);
    assert.equal(shown(text, indented(text, start, end, back)), after);
  });
}

test('the partner of the bracket at the cursor is found, and none in strings', () => {
  const text = '{ "a": [1, "]{"], "b": {} }';
  assert.deepEqual(partners(text, 0), [0, text.length - 1]);
  assert.deepEqual(partners(text, text.indexOf('[') + 1), [text.indexOf('['), text.indexOf('],')]);
  assert.equal(partners(text, text.indexOf(']{')), null);
  assert.equal(partners('{ [ }', 0), null);
  assert.equal(partners('', 0), null);
});
