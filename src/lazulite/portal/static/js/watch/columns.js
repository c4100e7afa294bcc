// Moments as a chart takes them: pure.

/**
 * Moments {at, values: {name: number}} as columns of these names; where one has no value there is a gap. A moment that
 * is `whole` says nothing of what was nought.
 */
export function columns(moments, names) {
  return [moments.map(m => m.at), ...names.map(name => moments.map(m => m.values[name] ?? (m.whole ? 0 : null)))];
}

/** The names of the largest sums over moments, each weighed by the time until the next. */
export function largest(moments, most) {
  const sums = new Map();
  moments.forEach(({ at, values }, i) => {
    const lasted = Math.min(60, (moments[i + 1]?.at ?? at + 1) - at);
    for (const [name, value] of Object.entries(values)) sums.set(name, (sums.get(name) ?? 0) + value * lasted);
  });
  return [...sums].sort(([one, a], [other, b]) => b - a || (one < other ? -1 : 1)).slice(0, most).map(([name]) => name);
}

/** `moments` and the one of now, of which only what is more than nought is kept; after a pause a new beginning. */
export function seen(moments, at, values, most) {
  const news = { at, whole: true, values: Object.fromEntries(Object.entries(values).filter(([, value]) => value > 0)) };
  const last = moments.at(-1);
  return last && at - last.at < 5 ? [...moments.slice(1 - most), news] : [news];
}
