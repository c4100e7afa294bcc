// Moments as a chart takes them: pure.

/** Moments {at, values: {name: number}} as columns of these names; where one has no value there is a gap. */
export function columns(moments, names) {
  return [moments.map(m => m.at), ...names.map(name => moments.map(m => m.values[name] ?? null))];
}
