// Addresses of the ARM API. Pure.

/** The list of a type in a subscription, or below any other scope. */
export const resourcesOf = (scope, type) => `${scope}/providers/${type}`;

/** The id of a resource of a type in a group. */
export const idOf = (subscription, group, type, name) =>
  `${subscription}/resourceGroups/${group}/providers/${type}/${name}`;

/** The hash of a creation: `#/create/rule?of=…`. */
export const createPath = (kind, query = {}) => `#/create/${kind}?${new URLSearchParams(query)}`;

/** A filter expression of the activity log. */
export const since = (hours, now = Date.now()) =>
  `eventTimestamp ge '${new Date(now - hours * 3_600_000).toISOString()}'`;
