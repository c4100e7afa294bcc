// What of the map is seen: a view is {x, y, k}, the map's point at the upper left corner and pixels a unit.
const MOST = 3;
/** Around a map that is seen whole; below it there is the legend. */
const MARGIN = 24;
const FOOT = 54;
/** Below, machines are dots without names; below the second, chips have no second line. */
export const FAR = 0.42;
export const NEAR = 0.85;

/** Below, a crowded subnet is one tile. */
const UNFOLDED = 0.6;
export const folds = k => k < UNFOLDED;
export const level = k => (k < FAR ? 'far' : k < NEAR ? 'mid' : 'near');
/** How much larger headings are drawn, in steps, so that they can be read at any scale. */
export const swell = (k, most) => Math.min(most, Math.max(1, 2 ** (Math.ceil(Math.log2(0.92 / k) * 2) / 2)));

/** The view that shows a box whole, in the middle of a window of `size`. */
export function around(box, size, most = 1.25) {
  const room = { w: Math.max(50, size.w - 2 * MARGIN), h: Math.max(50, size.h - MARGIN - FOOT) };
  const k = Math.min(most, room.w / Math.max(1, box.w), room.h / Math.max(1, box.h));
  return { k, x: box.x + box.w / 2 - size.w / 2 / k, y: box.y + box.h / 2 - (size.h + MARGIN - FOOT) / 2 / k };
}

/** The view nearer or farther by `factor`, while the map's point under the pixel (px, py) stays. */
export function zoomed(view, factor, px, py, least) {
  const k = Math.min(MOST, Math.max(least, view.k * factor));
  return { k, x: view.x + px / view.k - px / k, y: view.y + py / view.k - py / k };
}

export const panned = (view, dx, dy) => ({ ...view, x: view.x - dx / view.k, y: view.y - dy / view.k });

/** The view after one of two fingers moved: what lay between them lies between them still. */
export function pinched(view, before, now, other, least) {
  const spread = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
  const moved = panned(view, (now.x - before.x) / 2, (now.y - before.y) / 2);
  return zoomed(moved, spread, (now.x + other.x) / 2, (now.y + other.y) / 2, least);
}

/** The rectangle of the map that is drawn for a view: what is seen and some around it, so that a small move needs nothing new. */
export function drawn(view, size, around_ = 0.25) {
  const [w, h] = [size.w / view.k, size.h / view.k];
  return { x: view.x - w * around_, y: view.y - h * around_, w: w * (1 + 2 * around_), h: h * (1 + 2 * around_) };
}

export const meets = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
const holds = (a, b) => a.x <= b.x && a.y <= b.y && a.x + a.w >= b.x + b.w && a.y + a.h >= b.y + b.h;

/** Milliseconds: a picture that moves is drawn anew no more often, and so long after it came to rest. */
const REDRAW = 110;
const REST = 90;

/**
 * Moves the view of an SVG group as a hand, a wheel or a key wants. `changed({k, window})` is called when other things
 * are to be drawn; in between only the group's transform moves. While the map moves what was drawn last is moved and
 * scaled as a picture, which costs next to nothing, and is drawn anew as often as that is cheap.
 */
export class Camera {
  view = { x: 0, y: 0, k: 1 };
  aim = this.view;
  size = { w: 0, h: 0 };
  fitted = true;
  dragged = false;
  #pointers = new Map();
  #window = null;
  #drawn = null;
  #drawnAt = 0;
  #cost = 0;
  #resting = 0;
  #frame = 0;
  #gliding = 0;

  constructor(svg, root, changed) {
    [this.svg, this.root, this.changed] = [svg, root, changed];
    this.whole = { x: 0, y: 0, w: 1, h: 1 };
  }

  /** Listen; gives the function that stops it. */
  start() {
    const told = {
      wheel: e => this.#wheel(e), pointerdown: e => this.#down(e), pointermove: e => this.#move(e),
      pointerup: e => this.#up(e), pointercancel: e => this.#up(e),
    };
    for (const [name, listener] of Object.entries(told)) this.svg.addEventListener(name, listener, { passive: false });
    const watch = new ResizeObserver(() => this.#resized());
    watch.observe(this.svg);
    return () => {
      watch.disconnect();
      cancelAnimationFrame(this.#frame);
      cancelAnimationFrame(this.#gliding);
      clearTimeout(this.#resting);
      for (const [name, listener] of Object.entries(told)) this.svg.removeEventListener(name, listener);
    };
  }

  /** The map has another size. */
  extent(w, h) {
    this.whole = { x: 0, y: 0, w, h };
    this.#window = null;
    if (this.fitted) this.fit(false);
    else this.#show();
  }

  /** Something else was drawn: draw what is seen. */
  again() {
    this.#window = null;
    this.#show();
  }

  get least() {
    return Math.min(0.3, around(this.whole, this.size).k * 0.7);
  }

  fit(gliding = true) {
    this.fitted = true;
    this.#to(around(this.whole, this.size), gliding);
  }

  /** Show a box from near; never from so far that what is in it is folded. */
  visit(box) {
    this.fitted = false;
    const whole = around({ x: box.x - 60, y: box.y - 60, w: box.w + 120, h: box.h + 120 }, this.size, 1.1);
    const k = Math.max(whole.k, UNFOLDED + 0.05);
    this.#to({ k, x: box.x + box.w / 2 - this.size.w / 2 / k, y: box.y + box.h / 2 - this.size.h / 2 / k }, true);
  }

  /** Move as little as needed for a box to be seen. */
  reveal(box) {
    const seen = drawn(this.view, this.size, -0.04);
    if (holds(seen, box)) return;
    const middle = { x: box.x + box.w / 2, y: box.y + box.h / 2 };
    this.fitted = false;
    this.#to({ k: this.view.k, x: middle.x - this.size.w / 2 / this.view.k, y: middle.y - this.size.h / 2 / this.view.k }, true);
  }

  zoom(factor) {
    this.fitted = false;
    this.#to(zoomed(this.aim, factor, this.size.w / 2, this.size.h / 2, this.least), true);
  }

  pan(dx, dy) {
    this.fitted = false;
    this.#to(panned(this.view, dx, dy), false);
  }

  #to(view, gliding) {
    cancelAnimationFrame(this.#gliding);
    this.aim = view;
    const from = this.view;
    if (!gliding || matchMedia('(prefers-reduced-motion: reduce)').matches) return this.#moved(view);
    const began = performance.now();
    const step = now => {
      const t = Math.min(1, (now - began) / 220);
      const eased = 1 - (1 - t) ** 3;
      const k = from.k * (view.k / from.k) ** eased;
      const part = Math.abs(view.k - from.k) < 1e-6 ? eased : (1 / k - 1 / from.k) / (1 / view.k - 1 / from.k);
      this.#moved(t === 1 ? view : { k, x: from.x + (view.x - from.x) * part, y: from.y + (view.y - from.y) * part });
      if (t < 1) this.#gliding = requestAnimationFrame(step);
    };
    this.#gliding = requestAnimationFrame(step);
  }

  /** Where a hand or a wheel puts the view, it stays. */
  #set(view) {
    cancelAnimationFrame(this.#gliding);
    this.aim = view;
    this.#moved(view);
  }

  #moved(view) {
    this.view = view;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const still = performance.now() - this.#drawnAt > Math.max(REDRAW, 2.5 * this.#cost);
      if (still || !this.#near()) this.#show();
      else this.#shift();
    });
  }

  /** Whether what was drawn last still fills most of what is seen. */
  #near() {
    const [was, now] = [this.#drawn, this.view];
    if (!was || now.k / was.k < 0.6 || now.k / was.k > 1.8) return false;
    return Math.abs(was.x - now.x) * now.k < this.size.w * 0.4 && Math.abs(was.y - now.y) * now.k < this.size.h * 0.4;
  }

  /** Move what was drawn last as a picture, and draw anew once nothing moves. */
  #shift() {
    const [was, now] = [this.#drawn, this.view];
    this.svg.style.transform = `translate(${(was.x - now.x) * now.k}px, ${(was.y - now.y) * now.k}px) scale(${now.k / was.k})`;
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#show(), REST);
  }

  #show() {
    if (!this.size.w) return;
    clearTimeout(this.#resting);
    const { x, y, k } = this.view;
    [this.#drawn, this.#drawnAt] = [this.view, performance.now()];
    requestAnimationFrame(() => requestAnimationFrame(() => { this.#cost = performance.now() - this.#drawnAt - 17; }));
    this.svg.style.transform = '';
    this.root.setAttribute('transform', `scale(${k}) translate(${-x} ${-y})`);
    const seen = drawn(this.view, this.size, 0);
    const now = this.#window;
    if (now && level(now.k) === level(k) && folds(now.k) === folds(k) && holds(now.window, seen) && k / now.k < 1.6 && k / now.k > 0.62) return;
    this.#window = { k, window: drawn(this.view, this.size) };
    this.changed(this.#window);
  }

  #resized() {
    const { width: w, height: h } = this.svg.parentElement.getBoundingClientRect();
    this.size = { w, h };
    this.#window = null;
    if (this.fitted) this.fit(false);
    this.#show();
  }

  #place(event) {
    const box = this.svg.parentElement.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const turn = Math.max(-240, Math.min(240, event.deltaY * unit)) * (event.ctrlKey ? 4 : 1);
    const { x, y } = this.#place(event);
    this.fitted = false;
    this.#set(zoomed(this.view, Math.exp(-turn * 0.0016), x, y, this.least));
  }

  #down(event) {
    if (event.button) return;
    if (!this.#pointers.size) this.dragged = false;
    this.#pointers.set(event.pointerId, this.#place(event));
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#place(event);
    if (!this.dragged && Math.hypot(now.x - before.x, now.y - before.y) < 4) return;
    if (!this.svg.hasPointerCapture(event.pointerId)) this.svg.setPointerCapture(event.pointerId); // each finger's own: what it lies on may be drawn anew
    this.dragged = true;
    this.fitted = false;
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, now);
    if (!other) return this.#set(panned(this.view, now.x - before.x, now.y - before.y));
    this.#set(pinched(this.view, before, now, other, this.least));
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
  }
}
