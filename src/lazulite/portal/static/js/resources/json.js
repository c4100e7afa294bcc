// JSON text with the place of everything in it: paths as ARM writes them in `target`, lines counted from 1. Pure.

const SPACE = /\s/;

/**
 * {value, error, places}: `places` are rows {path, line, from, to} in the order of the text, of every property and
 * element; `error` is {line, at, message} where the text is no JSON, and then what stands before it is in `places`.
 */
export function outline(text) {
  const reader = new Reader(text);
  try {
    reader.value('');
    reader.space();
    if (reader.at < text.length) throw new Error('There is more behind the end of the document.');
    return { value: JSON.parse(text), error: null, places: reader.places };
  } catch (problem) {
    return {
      value: undefined,
      error: { line: lineAt(text, reader.at), at: reader.at, message: problem.message },
      places: reader.places,
    };
  }
}

/** The line of an offset. */
export const lineAt = (text, offset) => text.slice(0, offset).split('\n').length;

/** The path of the innermost property or element around an offset; of the document itself it is empty. */
export function pathAt(places, offset) {
  let found = '';
  let size = Infinity;
  for (const place of places) {
    if (place.from <= offset && offset <= place.to && place.to - place.from <= size) {
      found = place.path;
      size = place.to - place.from;
    }
  }
  return found;
}

/** The line of a path, or of the nearest one above it that is there. */
export const lineOf = (places, path) => placeOf(places, path)?.line ?? 1;

/** The path without its last part. */
export function above(path) {
  return path.endsWith(']') ? path.slice(0, path.lastIndexOf('[')) : path.slice(0, Math.max(0, path.lastIndexOf('.')));
}

/** The steps of a path: `properties.subnets[0].name` as ['properties', 'subnets', 0, 'name']. */
export const steps = path =>
  [...path.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(m => (m[1] === undefined ? m[0] : Number(m[1])));

/** What stands at a path of a value. */
export const valueAt = (value, path) => steps(path).reduce((at, step) => at?.[step], value);

/** The value with something else at a path; what holds it is copied, nothing is changed in place. `undefined` removes. */
export function withAt(value, path, next) {
  const change = (at, [step, ...rest]) => {
    if (step === undefined) return next;
    const copy = Array.isArray(at) ? [...at] : { ...at };
    const inner = change(copy[step] ?? (typeof rest[0] === 'number' ? [] : {}), rest);
    if (inner !== undefined) copy[step] = inner;
    else if (Array.isArray(copy)) copy.splice(step, 1);
    else delete copy[step];
    return copy;
  };
  return change(value, steps(path));
}

/** Places by path, for as long as they are kept. */
const indexed = new WeakMap();

/** The place of a path, or of the nearest one above it that is there: a missing property is told where it should be. */
export function placeOf(places, path) {
  if (!indexed.has(places)) indexed.set(places, new Map(places.map(place => [place.path.toLowerCase(), place])));
  const known = indexed.get(places);
  for (let at = path.toLowerCase(); at; at = above(at)) if (known.has(at)) return known.get(at);
  return undefined;
}

class Reader {
  at = 0;
  places = [];
  #seen = 0;
  #line = 1;

  constructor(text) {
    this.text = text;
  }

  space() {
    while (SPACE.test(this.text[this.at] ?? 'x')) this.at++;
  }

  value(path) {
    this.space();
    const sign = this.text[this.at];
    if (sign === '{') return this.object(path);
    if (sign === '[') return this.array(path);
    if (sign === '"') return this.string();
    const word = /^(true|false|null|-?\d+(\.\d+)?([eE][+-]?\d+)?)/.exec(this.text.slice(this.at, this.at + 40));
    if (!word)
      throw new Error(sign === undefined ? 'The document ends too early.' : `A value cannot begin with ${sign}`);
    this.at += word[0].length;
  }

  string() {
    const found = /^"(?:[^"\\\n]|\\.)*"/.exec(this.text.slice(this.at));
    if (!found) throw new Error('The string has no end.');
    this.at += found[0].length;
    return JSON.parse(found[0]);
  }

  object(path) {
    this.inside('}', () => {
      const from = this.at;
      if (this.text[this.at] !== '"') throw new Error('A property needs a name in quotes.');
      const name = this.string();
      const place = this.place(path ? `${path}.${name}` : name, from);
      this.space();
      if (this.text[this.at] !== ':') throw new Error(`There is no colon behind "${name}".`);
      this.at++;
      this.value(place.path);
      place.to = this.at;
    });
  }

  array(path) {
    let index = 0;
    this.inside(']', () => {
      const place = this.place(`${path}[${index++}]`, this.at);
      this.value(place.path);
      place.to = this.at;
    });
  }

  place(path, from) {
    const place = { path, line: this.line(from), from, to: this.text.length };
    this.places.push(place);
    return place;
  }

  /** The line of an offset that is not before the last one asked about. */
  line(offset) {
    for (; this.#seen < offset; this.#seen++) if (this.text[this.#seen] === '\n') this.#line++;
    return this.#line;
  }

  inside(end, one) {
    this.at++;
    this.space();
    if (this.text[this.at] === end) return void this.at++;
    for (;;) {
      this.space();
      one();
      this.space();
      const sign = this.text[this.at];
      if (sign !== ',' && sign !== end)
        throw new Error(sign === undefined ? 'The document ends too early.' : `There is no comma before ${sign}`);
      this.at++;
      if (sign === end) return;
    }
  }
}
