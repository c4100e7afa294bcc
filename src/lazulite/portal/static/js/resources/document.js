// One resource that is looked at or edited: the newest of it, what was typed, and whether somebody else was quicker.
import { useEffect, useState } from '../html.js';
import { get, put } from '../api.js';
import { useLoad } from '../lab.js';
import { withAt } from './json.js';
import { useRevision } from './revision.js';
import { sendable } from './schema.js';

/** {value, error, loading, gone, again()} of a resource, anew with every revision of the lab. */
export function useDocument(id) {
  const stored = useRevision();
  const found = useLoad(signal => get(id, { signal }).then(value => ({ id, value })), [id, stored]);
  const here = found.value?.id === id ? found.value.value : undefined;
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
 * What is typed over a document: {draft, change(path, value), replace(draft), dirty, stale, reset(), save()}. It follows
 * the document until something is typed; then `stale` tells that the document is another one by now. A save says which
 * version it is of, and the lab refuses it when that is not the newest; `save(true)` insists.
 */
export function useDraft(document, root) {
  const fresh = () => ({ etag: document.etag, draft: sendable(root, root, document), dirty: false });
  const [held, set] = useState(fresh);
  const moved = held.etag !== document.etag;
  useEffect(() => {
    if (moved && !held.dirty) set(fresh());
  }, [moved, held.dirty]);
  const [state, say] = useState({});
  const save = async insist => {
    say({ busy: true });
    try {
      const headers = insist || !held.etag ? {} : { 'if-match': held.etag };
      const written = await put(document.id, held.draft, { headers });
      set({ etag: written.etag, draft: sendable(root, root, written), dirty: false });
      say({});
      return written;
    } catch (error) {
      say({ error });
      return null;
    }
  };
  return {
    draft: held.draft,
    dirty: held.dirty,
    stale: moved && held.dirty,
    ...state,
    save,
    change: (path, value) => set(now => ({ ...now, dirty: true, draft: withAt(now.draft, path, value) })),
    replace: draft => set(now => ({ ...now, dirty: true, draft })),
    reset: () => {
      say({});
      set(fresh());
    },
  };
}
