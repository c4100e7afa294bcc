// What the lab kept by the minute, asked for as Azure Monitor's metrics, and put before what the page sees itself.
import { ApiError, get } from '../api.js';

/** Seconds that charts go back. */
export const BACK_S = 3600;
/** Series of one question: more than a chart draws, so that the busiest of all are among them. */
const MOST = 12;
const VERSION = '2023-10-01';
const MINUTE_S = 60;
const PROVIDER = '/providers/Microsoft.Insights/metrics';

/** Where metrics `names` of a scope are; `more` are further parameters of the question. */
export const place = (scope, names, more) => `${scope}${PROVIDER}?${new URLSearchParams({ 'api-version': VERSION, metricnames: names.join(','), ...more })}`;

/** The hour until `now` (seconds since 1970) as a timespan. */
export const timespan = now => [now - BACK_S, now].map(at => new Date(Math.floor(at) * 1000).toISOString().replace(/\.\d+/, '')).join('/');

/** Whose a series is, folded: its dimension says, or the id of its metric. */
function owner(metric, series) {
  const [said] = series.metadatavalues;
  return (said ? said.value : metric.id.slice(0, metric.id.indexOf(PROVIDER))).toLowerCase();
}

/** Every series of some answers as [resource, data]. */
const seriesOf = answers => answers.flatMap(answer => answer.value).flatMap(metric => metric.timeseries.map(series => [owner(metric, series), series.data]));

/** The resources of the largest sums in answers of one point a series, the first first. */
export function busiest(answers, most = MOST) {
  const sums = new Map();
  for (const [id, data] of seriesOf(answers)) sums.set(id, (sums.get(id) ?? 0) + data.reduce((sum, point) => sum + (point.total ?? point.average ?? 0), 0));
  return [...sums].sort(([, one], [, other]) => other - one).slice(0, most).map(([id]) => id);
}

/**
 * Answers by the minute as moments {from, at, values}, oldest first: by resource what all metrics came to, totals as so
 * much a second, averages as they are. A minute stands at its end, the one that goes on at `now`; where nothing is
 * known there is no value.
 */
export function momentsOf(answers, now) {
  const moments = new Map();
  for (const [id, data] of seriesOf(answers)) {
    for (const { timeStamp, total, average } of data) {
      const start = Date.parse(timeStamp) / 1000;
      const at = Math.min(start + MINUTE_S, now);
      if (at - start < 1) continue;
      if (!moments.has(at)) moments.set(at, { from: start, at, values: {} });
      const value = total === undefined ? average : total / (at - start);
      const { values } = moments.get(at);
      if (value !== undefined) values[id] = (values[id] ?? 0) + value;
    }
  }
  return [...moments.values()].sort((one, other) => one.at - other.at);
}

/**
 * What was kept until the page saw for itself, and then that; nothing older than `back` seconds. The minute in which it
 * began to see ends there.
 */
export function joined(kept, seen, back = BACK_S) {
  const began = seen[0]?.at ?? Infinity;
  const before = kept.filter(moment => moment.from < began).map(moment => (moment.at < began ? moment : { ...moment, at: (moment.from + began) / 2 }));
  const all = [...before, ...seen];
  const last = all.at(-1)?.at ?? 0;
  return all.filter(moment => moment.at > last - back);
}

/**
 * The last hour of the busiest resources of each of `kinds` ({type, names, ids}: metrics, and resources the page
 * knows): moments. Who may not ask a subscription is told of the first of `ids`.
 */
export async function history(kinds, signal, now = Date.now() / 1000) {
  const answers = await Promise.all(kinds.flatMap(kind => subscriptionsOf(kind.ids).map(scope => ofKind(scope, kind, now, signal))));
  return momentsOf(answers.flat(), now);
}

/** The subscriptions of some resources, folded. */
export const subscriptionsOf = ids => [...new Set(ids.map(id => id.split('/').slice(0, 3).join('/').toLowerCase()))];

async function ofKind(scope, { type, names, ids }, now, signal) {
  const asked = { timespan: timespan(now), metricnamespace: type };
  try {
    const order = names[0] === 'DipAvailability' ? 'average asc' : 'total desc';
    const first = await get(place(scope, names, { ...asked, interval: 'FULL', orderby: order, top: MOST }), { signal });
    const chosen = busiest([first]);
    if (!chosen.length) return [];
    const filter = chosen.map(id => `Microsoft.ResourceId eq '${id.replaceAll("'", "''")}'`).join(' or ');
    return [await get(place(scope, names, { ...asked, $filter: filter, top: MOST }), { signal })];
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    const mine = ids.filter(id => id.toLowerCase().startsWith(`${scope}/`)).slice(0, MOST);
    const answers = await Promise.allSettled(mine.map(id => get(place(id, names, { timespan: asked.timespan }), { signal })));
    return answers.flatMap(answer => answer.value ?? []);
  }
}
