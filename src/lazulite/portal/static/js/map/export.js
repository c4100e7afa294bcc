// The map as a file: everything of it, with its colours written into it, so that it looks the same elsewhere.
const STYLES = ['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-opacity', 'stroke-dasharray', 'opacity', 'font-family', 'font-size',
  'font-weight', 'text-anchor', 'paint-order', 'vector-effect'];
const EXTRA = ['role', 'tabindex', 'aria-label', 'aria-pressed', 'data-key', 'data-tile', 'data-stops', 'class', 'style'];
const NAMESPACE = 'http://www.w3.org/2000/svg';
const MARGIN = 24;

/** The text of an SVG document: a copy of what is drawn in `svg`, a map `w` by `h` in size. */
export function asDocument(svg, w, h, title) {
  const copy = svg.cloneNode(true);
  const [drawn, copied] = [[svg, ...svg.querySelectorAll('*')], [copy, ...copy.querySelectorAll('*')]];
  drawn.forEach((element, i) => inline(element, copied[i]));
  copy.setAttribute('xmlns', NAMESPACE);
  copy.setAttribute('viewBox', `${-MARGIN} ${-MARGIN} ${w + 2 * MARGIN} ${h + 2 * MARGIN}`);
  copy.setAttribute('width', w + 2 * MARGIN);
  copy.setAttribute('height', h + 2 * MARGIN);
  copy.firstElementChild.removeAttribute('transform');
  const ground = document.createElementNS(NAMESPACE, 'rect');
  const colour = getComputedStyle(document.body).backgroundColor;
  for (const [name, value] of Object.entries({ x: -MARGIN, y: -MARGIN, width: w + 2 * MARGIN, height: h + 2 * MARGIN, fill: colour })) ground.setAttribute(name, value);
  const named = document.createElementNS(NAMESPACE, 'title');
  named.textContent = title;
  copy.prepend(named, ground);
  return new XMLSerializer().serializeToString(copy);
}

function inline(from, to) {
  const style = getComputedStyle(from);
  if (style.display === 'none') return void to.remove();
  for (const name of EXTRA) to.removeAttribute(name);
  if (from.localName === 'g' || from.localName === 'title') {
    if (style.opacity !== '1') to.setAttribute('opacity', style.opacity);
    return;
  }
  for (const name of STYLES) {
    const value = style.getPropertyValue(name);
    if (value && value !== 'none' || name === 'fill' || name === 'stroke') to.setAttribute(name, value);
  }
}

/** Hand a text to the reader as a file. */
export function save(text, name, type = 'image/svg+xml') {
  const place = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  [link.href, link.download] = [place, name];
  link.click();
  setTimeout(() => URL.revokeObjectURL(place), 10_000);
}
