// Where on the map a packet goes: the hops of a trace as boxes and as one line through them.
import { halfway, outermost, way } from './alleys.js';
import { centre, rounded } from './lines.js';

const isChip = box => box.head === undefined;

/** Keys of the boxes a way passes, in order: machines, balancers and gateways, and the networks it enters. */
export function stops(trace, map, nodes) {
  const found = [];
  const add = key => key && map.boxes.has(key) && found.at(-1) !== key && found.push(key);
  for (const hop of trace.hops) {
    const known = hop.port.toLowerCase();
    if (map.boxes.has(known)) add(known);
    else for (const key of places(hop, map, nodes)) add(key);
  }
  const end = (trace.destination ?? '').toLowerCase();
  if (map.boxes.has(end)) add(end);
  else if (trace.disposition === 'exits network') add('internet');
  return found;
}

/** A hop without a port: the balancer or gateway that a step names, else its network, else who sends from the Internet. */
function places(hop, map, nodes) {
  const named = hop.steps.map(step => step.origin.toLowerCase()).find(key => map.boxes.has(key) && isChip(map.boxes.get(key)));
  if (named) return [named];
  const all = [...nodes.values()];
  if (hop.vrf) return all.filter(n => n.kind === 'network' && n.name === hop.vrf).slice(0, 1).map(n => n.key);
  const client = all.find(n => n.kind === 'client' && n.name === hop.label);
  return [client?.key ?? 'internet'];
}

/** {d, marks, end}: an SVG path through the stops, the boxes it touches and where it ends. */
export function trail(keys, map, nodes) {
  const marks = keys.filter(key => isChip(map.boxes.get(key)) || key === 'internet');
  let [d, from, end, passed, taken] = ['', null, null, [], undefined];
  for (const key of keys) {
    if (!marks.includes(key)) {
      passed.push(key);
      continue;
    }
    if (from !== null && from !== key) {
      const points = way(from, key, peerings([outermost(from, map, nodes), ...passed, outermost(key, map, nodes)], map), map, nodes, taken);
      d += rounded(points);
      end = points.at(-1);
      taken = points.at(-2).x;
    } else if (from === null) {
      end = corner(map.boxes.get(key));
    }
    [from, passed] = [key, []];
  }
  const last = from !== null && passed.length ? peerings([outermost(from, map, nodes), ...passed], map) : [];
  if (last.length) {
    const points = halfway(from, last, map, nodes, taken);
    d += rounded(points);
    end = points.at(-1);
  }
  return { d, marks, end };
}

const corner = box => ({ x: box.x + box.w, y: centre(box).y });

/** The points of the peerings between networks that follow each other. */
function peerings(networks, map) {
  const found = [];
  networks.slice(1).forEach((to, i) => {
    const from = networks[i];
    const line = map.lines.find(l => l.kind === 'peering' && ((l.from === from && l.to === to) || (l.from === to && l.to === from)));
    if (line) found.push(line.from === from ? line.points : line.points.toReversed());
  });
  return found;
}
