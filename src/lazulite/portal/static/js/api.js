// A small client of the ARM API and of the lab's own: errors as ApiError, operations awaited, pages joined.
const TOKEN = 'lazulite.token';
export const API_VERSION = '2024-05-01';

/** An error as Azure gives it: `code`, `message`, `target` and `details` (rows of the same). */
export class ApiError extends Error {
  constructor(status, error) {
    super(error.message ?? `The lab answered ${status}.`);
    this.status = status;
    this.code = error.code ?? String(status);
    this.target = error.target ?? '';
    this.details = error.details ?? [];
    this.more = error.additionalInfo ?? [];
  }

  /** Every violation as a row {code, message, target}: the details where there are any, else itself. */
  get rows() {
    return this.details.length ? this.details : [{ code: this.code, message: this.message, target: this.target }];
  }
}

/** The lab could not be reached at all. */
export class Unreachable extends Error {}

const listeners = new Set();
/** Call `listener(reason)` when nobody is signed in any more. */
export const onSignedOut = listener => (listeners.add(listener), () => listeners.delete(listener));

export const signedIn = () => sessionStorage.getItem(TOKEN) !== null;
export const authorization = () => ({ authorization: `Bearer ${sessionStorage.getItem(TOKEN)}` });

/** Forget the token. */
export function signOut(reason = '') {
  sessionStorage.removeItem(TOKEN);
  for (const listener of listeners) listener(reason);
}

/** Trade the one-time code of the address for a token, and take it out of the address. */
export async function signIn() {
  const code = new URLSearchParams(location.hash.slice(1)).get('code');
  if (!code) return;
  history.replaceState(null, '', location.pathname);
  const form = new URLSearchParams({ grant_type: 'authorization_code', code, resource: 'https://management.azure.com/' });
  const answer = await fetch('/organizations/oauth2/token', { method: 'POST', body: form });
  const told = await answer.json();
  if (!answer.ok) throw new ApiError(answer.status, { code: told.error, message: told.error_description });
  sessionStorage.setItem(TOKEN, told.access_token);
}

/** One request: {status, headers, body}. Raises ApiError for 4xx and 5xx, Unreachable without an answer. */
export async function ask(method, path, body, { signal, headers = {}, raw = false } = {}) {
  const content = body === undefined ? undefined : raw ? body : JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(here(path), {
      method, signal, body: content,
      headers: { ...authorization(), ...(content === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Unreachable('The lab does not answer.');
  }
  const text = await answer.text();
  const found = text && (answer.headers.get('content-type') ?? '').includes('json') ? JSON.parse(text) : text;
  if (answer.status === 401) signOut('Your sign-in is over.');
  if (!answer.ok) throw new ApiError(answer.status, found?.error ?? { message: String(found || answer.statusText) });
  return { status: answer.status, headers: answer.headers, body: found };
}

/** Links of the API name its own address; the page asks where it came from, and names a version where none is. */
function here(path) {
  const url = new URL(path, location.origin);
  if (!url.searchParams.has('api-version') && !url.pathname.startsWith('/lazulite')) {
    url.searchParams.set('api-version', API_VERSION);
  }
  return url.pathname + url.search;
}

export const get = async (path, options) => (await ask('GET', path, undefined, options)).body;
export const post = async (path, body = {}, options) => (await ask('POST', path, body, options)).body;

/** All rows of a list, whatever its pages. */
export async function list(path, options) {
  const rows = [];
  for (let next = path; next;) {
    const page = await get(next, options);
    rows.push(...(page.value ?? []));
    next = page.nextLink;
  }
  return rows;
}

/**
 * A write and the end of its operation: the resource, or what the operation gave. `progress(state)` hears of each poll.
 * Raises the ApiError of an operation that failed.
 */
export async function write(method, path, body, { signal, headers, progress = () => {} } = {}) {
  const first = await ask(method, path, body, { signal, headers });
  const operation = first.headers.get('azure-asyncoperation');
  const place = operation ?? (first.status === 202 ? first.headers.get('location') : null);
  if (!place) return first.body;
  for (;;) {
    const polled = await ask('GET', place, undefined, { signal });
    const state = operation ? polled.body.status : polled.status === 202 ? 'InProgress' : 'Succeeded';
    progress(state);
    if (state === 'Failed' || state === 'Canceled') throw new ApiError(409, polled.body.error ?? { code: state, message: state });
    if (state === 'Succeeded') return outcome(method, path, first, polled, signal);
    await new Promise(done => setTimeout(done, pause(polled.headers)));
  }
}
/** Milliseconds until the next poll: the finer hint where there is one. */
const pause = headers => Number(headers.get('x-ms-retry-after-ms') ?? 1000 * Number(headers.get('retry-after') ?? 0.2));

/** What an operation that succeeded has made: the resource of a write, the answer of a verb. */
async function outcome(method, path, first, polled, signal) {
  if (method === 'DELETE') return null;
  if (!first.headers.get('azure-asyncoperation')) return polled.body;
  if (method !== 'POST') return get(path, { signal });
  const result = first.headers.get('location');
  return result ? get(result, { signal }) : polled.body;
}
export const put = (path, body, options) => write('PUT', path, body, options);
export const remove = (path, options) => write('DELETE', path, undefined, options);

/** Frames of a stream to `take`, for ever: a stream that ends is opened again. `state('open' | 'lost')`. */
export async function follow(path, take, { signal, state = () => {} }) {
  for (let pause = 250; !signal.aborted; pause = Math.min(4000, pause * 2)) {
    try {
      const answer = await fetch(path, { headers: authorization(), signal });
      if (answer.status === 401) return signOut('Your sign-in is over.');
      if (answer.ok) {
        state('open');
        pause = 125;
        await read(answer.body, take);
      }
    } catch {
      if (signal.aborted) return;
    }
    state('lost');
    await new Promise(done => setTimeout(done, pause));
  }
}

async function read(body, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let waiting = ''; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    waiting += value;
    for (let end; (end = waiting.indexOf('\n\n')) >= 0; waiting = waiting.slice(end + 2)) {
      const frame = waiting.slice(0, end);
      if (frame.startsWith('data: ')) take(JSON.parse(frame.slice(6)));
    }
  }
}
