// Boxes into rows. Everything here takes sizes and gives places; nothing knows what is drawn.

/** How far a shape is from what is wished: its area, dearer the more its aspect differs from `aspect`. */
export const cost = (w, h, aspect) => w * h * (1 + 1.5 * Math.log(w / h / aspect) ** 2);

/** How small a shape is drawn in a window of an aspect: its size there, and a little for ground that it wastes. */
export const smallness = (w, h, aspect) => Math.max(w / aspect, h) * (1 + 0.05 * Math.log((w + 1) / (h + 1) / aspect) ** 2);

/** The least of `tries` by `price`; the first of equals, so the same input gives the same answer. */
export function least(tries, price) {
  let found;
  let lowest = Infinity;
  for (const one of tries) {
    const now = price(one);
    if (now < lowest - 1e-9) [found, lowest] = [one, now];
  }
  return found;
}

export const upTo = count => Array.from({ length: Math.max(1, count) }, (_, i) => i + 1);

/**
 * Items {w, h} into rows of `columns` each, columns as wide as their widest, rows as high as their highest:
 * {w, h, columns: [{x, w}], rows: [{y, h}]}; item i is in column i mod columns.
 */
export function grid(items, columns, gapX, gapY) {
  const widths = Array(Math.min(columns, items.length)).fill(0);
  const heights = Array(Math.ceil(items.length / columns)).fill(0);
  items.forEach((item, i) => {
    widths[i % columns] = Math.max(widths[i % columns], item.w);
    heights[Math.floor(i / columns)] = Math.max(heights[Math.floor(i / columns)], item.h);
  });
  let x = 0;
  const across = widths.map(w => ({ x: (x += w + gapX) - w - gapX, w }));
  let y = 0;
  const down = heights.map(h => ({ y: (y += h + gapY) - h - gapY, h }));
  return { w: Math.max(0, x - gapX), h: Math.max(0, y - gapY), columns: across, rows: down };
}

/** The grid of items whose shape is the best. */
export function bestGrid(items, gapX, gapY, aspect) {
  const most = Math.min(items.length, 40);
  return least(upTo(most).map(n => grid(items, n, gapX, gapY)), g => smallness(g.w, g.h, aspect));
}
