// What the topology stream says, kept: nodes by key, each with a version that moves when it changes.
import { follow } from './api.js';

/**
 * A node is {key, kind, name, parent, details, id, flags, health, out, in, v}: `health` is ok, degraded, down, stopped or
 * empty, `out` and `in` are bytes a second. `structure` moves when boxes or joints come and go, `moment` with every frame.
 */
export class Live {
  nodes = new Map();
  joints = [];
  revision = { stored: 0, applied: 0 };
  lab = '';
  structure = 0;
  moment = 0;
  state = 'lost';
  time = 0;
  #listeners = new Set();
  #stop = null;

  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Follow the stream while the page is to be seen: connections of a browser to one place are few. */
  start() {
    const turn = () => (document.hidden ? this.stop() : this.#open());
    document.addEventListener('visibilitychange', turn);
    turn();
  }

  stop() {
    this.#stop?.abort();
    this.#stop = null;
  }

  /** The node of a resource id, of itself or of the nearest resource above it. */
  of(id) {
    for (let at = id.toLowerCase(); at; at = at.slice(0, at.lastIndexOf('/'))) {
      const found = [...this.nodes.values()].find(n => n.id.toLowerCase() === at);
      if (found) return found;
    }
    return undefined;
  }

  children(key) {
    return [...this.nodes.values()].filter(n => n.parent === key);
  }

  #open() {
    if (this.#stop) return;
    this.#stop = new AbortController();
    const state = now => { this.state = now; this.#tell(); };
    follow('/lazulite/stream/topology', frame => this.take(frame), { signal: this.#stop.signal, state });
  }

  /** One frame of the stream. */
  take(frame) {
    if (frame.type === 'all') this.nodes = new Map();
    if (frame.type === 'state') {
      this.time = frame.time;
      for (const [key, state] of Object.entries(frame.nodes)) this.#change(key, state);
    } else {
      for (const node of frame.nodes) this.#change(node.key, node);
      for (const key of frame.gone ?? []) this.nodes.delete(key);
      if (frame.joints) this.joints = frame.joints;
      this.revision = frame.revision;
      this.lab = frame.lab ?? this.lab;
      this.structure++;
    }
    this.#tell();
  }

  #change(key, news) {
    const known = this.nodes.get(key);
    if (!known && news.key === undefined) return;
    this.nodes.set(key, { health: '', out: 0, in: 0, ...known, ...news, v: (known?.v ?? 0) + 1 });
  }

  #tell() {
    this.moment++;
    for (const listener of this.#listeners) listener(this);
  }
}
