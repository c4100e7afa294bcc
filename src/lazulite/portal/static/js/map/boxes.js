// What is drawn of each node. A box is drawn again only when its node, its place or how it is chosen has changed.
import { Component, html } from '../html.js';
import { called, subtitle, told } from './captions.js';
import { CHIP, PAD, SIZE, margin, prefixes, second } from './network.js';
import { elide, line, width } from './text.js';

const same = (a, b, names) => names.every(name => a[name] === b[name]);

/** Shared by all that can be chosen: a button with a name, in or out of the tab order, chosen or not, dim or not. */
const attributes = ({ node, chosen, dim, reached }, kind) => ({
  'class': ['node', kind, node.kind, node.health || 'none', ...node.flags, chosen && 'chosen', dim && 'dim'].filter(Boolean).join(' '),
  'data-key': node.key, role: 'button', tabindex: reached ? 0 : -1, 'aria-label': called(node), 'aria-pressed': chosen ? 'true' : 'false',
});

/** A machine, a client, a balancer or a gateway. */
export class Chip extends Component {
  shouldComponentUpdate(next) {
    return !same(next, this.props, ['node', 'box', 'chosen', 'dim', 'reached', 'layers']);
  }

  render(props) {
    const { node, box, layers } = props;
    const small = subtitle(node, layers);
    const room = box.w - 20;
    const glyph = GLYPHS[node.kind];
    return html`<g ...${attributes(props, 'chip')} transform=${`translate(${box.x} ${box.y})`}>
      <rect class="face" width=${box.w} height=${box.h} rx="5"/><rect class="bar" width="4" height=${box.h} rx="2"/>
      <text class="name" x="11" y=${small ? 13.5 : 20}>${elide(node.name, room - (glyph ? 14 : 0), SIZE.chip)}</text>
      ${small && html`<text class="small" x="11" y="26">${elide(small, room, SIZE.small)}</text>`}
      ${glyph && html`<path class="glyph" transform=${`translate(${box.w - 20} 5)`} d=${glyph}/>`}</g>`;
  }
}

/** A network, a subnet or the Internet: a frame with a heading that can be read at any scale. */
export class Frame extends Component {
  shouldComponentUpdate(next) {
    return !same(next, this.props, ['node', 'box', 'chosen', 'dim', 'reached', 'swell']);
  }

  render(props) {
    const { node, box, swell } = props;
    return html`<g ...${attributes(props, 'frame')} transform=${`translate(${box.x} ${box.y})`}>
      <rect class="face" width=${box.w} height=${box.h} rx=${node.kind === 'subnet' ? 6 : 10}/>${heading(node, box, swell)}</g>`;
  }
}

function heading(node, box, swell) {
  const size = (node.kind === 'subnet' ? SIZE.subnet : SIZE.network) * swell;
  const small = SIZE.note * swell;
  const glyph = node.kind === 'internet' || node.kind === 'site' ? 20 * swell : 0;
  const pad = margin(swell);
  const said = line(node.name, prefixes(node), box.w - 2 * pad - glyph, size, small);
  const more = node.kind === 'subnet' ? second(node) : '';
  const y = more ? box.head * 0.37 : box.head / 2 + 1;
  return html`
    ${glyph > 0 && html`<path class="glyph" transform=${`translate(${pad} ${y - 7 * swell}) scale(${swell})`} d=${GLYPHS.internet}/>`}
    <text class="title" x=${pad + glyph} y=${y + size * 0.35} font-size=${size}>${said.name}</text>
    ${said.note && html`<text class="note" x=${box.w - pad} y=${y + size * 0.35} font-size=${small}>${said.note}</text>`}
    ${more && html`<text class="note second" x=${pad} y=${box.head * 0.74 + small * 0.35} font-size=${small}>${elide(more, box.w - 2 * pad, small)}</text>`}`;
}

/** A region: no more than a place. */
export const Region = ({ node, box, swell }) => html`<g class="region" transform=${`translate(${box.x} ${box.y})`}>
  <rect class="face" width=${box.w} height=${box.h} rx="14"/>
  <text class="title" x="14" y=${box.head / 2 + 4 * swell} font-size=${12 * swell}>${elide(node.name, box.w - 28, 12 * swell, true)}</text></g>`;

const worst = machines => ['down', 'degraded'].find(h => machines.some(n => n.health === h)) ?? 'ok';

/** The machines of a subnet seen from afar: a dot each, in as many paths as there are healths, and what they come to. */
export class Tile extends Component {
  shouldComponentUpdate(next) {
    return !same(next, this.props, ['text', 'dots', 'box', 'swell', 'reached', 'dim']);
  }

  render({ node, text, dots, box, swell, reached, dim, health }) {
    const size = Math.min(11.5 * swell, (box.h - box.head) * 0.7);
    const lines = broken(text, box.w - 2 * PAD - size, size, (box.h - box.head) * 0.9);
    const w = Math.max(...lines.map(l => width(l, size, true))) + size * 1.4;
    const [h, y] = [lines.length * size * 1.3 + size * 0.6, box.head + (box.h - box.head - PAD) / 2];
    return html`<g class=${`node tile ${health} ${dim ? 'dim' : ''}`} data-key=${node.key} data-tile="yes" role="button" tabindex=${reached ? 0 : -1}
        aria-label=${`${node.name}, ${text}: show them`} transform=${`translate(${box.x} ${box.y})`}>
      ${Object.entries(dots).map(([kind, d]) => html`<path key=${kind} class=${`dots ${kind}`} d=${d}/>`)}
      <rect class="plate" x=${(box.w - w) / 2} y=${y - h / 2} width=${w} height=${h} rx=${size * 0.8}/>
      ${lines.map((l, i) => html`<text class="count" x=${box.w / 2} y=${y + size * (0.35 + 1.3 * (i - (lines.length - 1) / 2))} font-size=${size}>${l}</text>`)}</g>`;
  }
}

/** A count in one line, or one line a part, as far as there is room. */
function broken(text, room, size, high) {
  if (width(text, size, true) <= room) return [text];
  return text.split(', ').slice(0, Math.max(1, Math.floor(high / size / 1.3))).map(part => elide(part, room, size, true));
}

/** Props of a tile: made anew only when what it tells has changed. */
export function tile(machines, box, boxes) {
  const dots = {};
  for (const node of machines) {
    const at = boxes.get(node.key);
    const kind = node.health || 'none';
    dots[kind] = `${dots[kind] ?? ''}M${tidy(at.x - box.x)} ${tidy(at.y - box.y)}h${at.w}v${CHIP.h}h${-at.w}z`;
  }
  return { text: told(machines), dots, health: worst(machines) };
}

const tidy = n => Math.round(n * 10) / 10;

/** Signs of 14 by 14 units. */
const GLYPHS = {
  internet: 'M7 .5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13zM.7 7h12.6M7 .5c-4 3.6-4 9.400 0 13M7 .5c4 3.6 4 9.400 0 13',
  balancer: 'M2 7h3M5 7l6-4.500M5 7h6M5 7l6 4.500M9.500 2.300l1.800-.1-.7 1.600M9.800 6l1.500 1-1.500 1M9.500 11.700l1.800.1-.7-1.600',
  gateway: 'M1.500 7h11M9.500 4l3 3-3 3M4.500 4v6',
};
GLYPHS.site = GLYPHS.internet;
