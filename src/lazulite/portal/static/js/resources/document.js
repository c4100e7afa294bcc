// One resource that is looked at or edited: the newest of it, what was typed, and whether somebody else was quicker.
import { useEffect, useLayoutEffect, useState } from '../html.js';
import { get, put } from '../api.js';
import { useLoad } from '../lab.js';
import { withAt } from './json.js';
import { useRevision } from './revision.js';
import { sendable } from './schema.js';

/** {value, error, loading, gone, again(known)} of a resource, anew with every revision of the lab. */
export function useDocument(id) {
  const stored = useRevision();
  const found = useLoad(signal => get(id, { signal }), [id], [stored]);
  const here = found.value;
  const [last, remember] = useState({});
  useEffect(() => {
    if (here) remember({ id, value: here });
  }, [here, id]);
  const gone = found.error?.status === 404;
  return {
    value: here ?? (last.id === id ? last.value : undefined),
    error: gone ? null : found.error,
    gone,
    loading: found.loading,
    again: found.again,
  };
}

/**
 * What is typed over `of(document)`: {etag, value, dirty, edit, stale, change(next), settle(written, edit), reset()}. It
 * follows the document until something is typed; then `stale` tells that the document is another one by now. What was
 * typed after the `edit` that was written stays, over what was written.
 */
export function useTypedOver(document, of) {
  const fresh = (from = document) => ({ etag: from.etag, value: of(from), dirty: false, edit: {} });
  const [held, set] = useState(() => fresh());
  const moved = held.etag !== document.etag;
  useLayoutEffect(() => {
    if (moved) set(now => (now.dirty ? now : fresh()));
  }, [moved, held.dirty, document.etag]);
  return {
    ...held,
    stale: moved && held.dirty,
    change: next => set(now => ({ ...now, value: next(now.value), dirty: true, edit: {} })),
    settle: (written, edit) => set(now => (now.edit === edit || !now.dirty ? fresh(written) : { ...now, etag: written.etag })),
    reset: () => set(fresh()),
  };
}

/**
 * A document as it would be sent: {draft, change(path, value), replace(draft), dirty, stale, reset(), save()}. A save says
 * which version it is of, and the lab refuses it when that is not the newest; `save(true)` insists. `took(written)` hears
 * of what the lab wrote at once: nothing older is shown again.
 */
export function useDraft(document, root, took) {
  const held = useTypedOver(document, from => sendable(root, root, from));
  const [state, say] = useState({});
  const save = async insist => {
    say({ busy: true });
    try {
      const headers = insist || !held.etag ? {} : { 'if-match': held.etag };
      const written = await put(document.id, held.value, { headers });
      took(written);
      held.settle(written, held.edit);
      say({});
      return written;
    } catch (error) {
      say({ error });
      return null;
    }
  };
  return {
    draft: held.value,
    dirty: held.dirty,
    stale: held.stale && !state.busy, // while it is saved, what is new may be one's own
    ...state,
    save,
    change: (path, value) => held.change(now => withAt(now, path, value)),
    replace: draft => held.change(now => (draft === undefined ? now : draft)),
    reset: () => {
      say({});
      held.reset();
    },
  };
}
