// A packet's story beside the map: the verdict, who decided and what that rule says, every stage, and the real packet.
import { html, useState } from '../html.js';
import { get, post } from '../api.js';
import { resourcePath, useLoad } from '../lab.js';
import { Button, Loading, Problem, Tag } from '../parts.js';
import { decision, editable, flowText, isRule, routeText, ruleText, short, stageName, telling, tone } from './words.js';

const body = ({ from, to, protocol, port }) => ({ from, to, protocol, ...(protocol !== 'icmp' && { port }) });
/** The lab's answer to a question. */
export const askTrace = (question, signal) => post('/lazulite/trace', body(question), { signal });

/** `found` is {value, error, loading} of :func:`askTrace`. */
export function Story({ question, found, nodes }) {
  if (found.error) return html`<${Problem} error=${found.error}/>`;
  if (!found.value) return html`<${Loading} what="Asking the model"/>`;
  const { passes, decided, forward, reply } = found.value;
  return html`<div class="story">
    <div class=${`verdict ${passes ? 'good' : 'bad'}`} role="status"><b>${passes ? 'Passes' : 'Does not pass'}</b><div class="mono">${flowText(forward.flow)}</div>
      <p>${passes ? 'Decided by' : reply ? 'The answer is lost:' : 'Stopped by'} <b>${decision(decided)}</b></p>
      ${decided && html`<${Quote} step=${decided}/>`}</div>
    <div class="acts"><${RealPacket} question=${question} passes=${passes} by=${decided?.origin}/>
      <a class="button" href=${`#/captures?${new URLSearchParams({ names: machinesOn(question, found.value).join(',') })}`}>Capture on this path</a></div>
    <${Way} title="Packet" way=${forward} nodes=${nodes}/>${reply && html`<${Way} title="Answer" way=${reply} nodes=${nodes} folded=${passes}/>`}</div>`;
}

const machinesOn = (question, { forward }) => [...new Set([question.from, ...forward.through, question.to])]
  .filter(name => name && !/^[\d.]+$|:/.test(name));

/** What a rule or a route says, and where it is changed. */
function Quote({ step }) {
  const rule = isRule(step.origin);
  const { value } = useLoad(signal => (rule ? get(step.origin, { signal }) : Promise.resolve(null)), [step.origin]);
  const text = value ? ruleText(value) : step.route ? routeText(step.route) : step.origin && step.detail !== short(step.origin) ? step.detail : '';
  const place = editable(step.origin);
  return html`<blockquote>${text && html`<span>${text}</span>`}
    ${place && (rule && place === step.origin ? html`<a href=${`#${resourcePath(place)}?tab=Properties`}>Edit rule</a>` : html`<a href=${`#${resourcePath(place)}`}>${rule ? 'Open group' : 'Open'}</a>`)}</blockquote>`;
}

function Way({ title, way, folded, nodes }) {
  const [all, setAll] = useState(false);
  const hops = telling(way, all);
  const arrives = ['delivered', 'exits network', 'platform'].includes(way.disposition);
  return html`<details class="way" open=${!folded}><summary>${title} <span class="mono">${flowText(way.flow)}</span>
      <${Tag} kind=${arrives ? 'good' : 'bad'}>${way.disposition}<//></summary>
    <ol class="hops">${hops.map((hop, i) => html`<li key=${i}><h3>${nodes.get(hop.port.toLowerCase())?.name ?? hop.label}${hop.vrf && hop.vrf !== hop.label && html` <span class="quiet">in ${hop.vrf}</span>`}</h3>
      <ol>${hop.steps.map((step, j) => html`<${Step} key=${j} step=${step}/>`)}</ol></li>`)}</ol>
    <label class="check"><input type="checkbox" checked=${all} onChange=${e => setAll(e.target.checked)}/> every stage</label></details>`;
}

function Step({ step }) {
  const place = editable(step.origin);
  const said = [step.route ? routeText(step.route) : '', step.stage.includes('access-list') ? '' : step.detail].filter(Boolean).join(' · ');
  return html`<li class=${`step ${tone(step.action)}`}><div><span>${stageName(step.stage)}</span>
      ${step.origin && html`<small>${place ? html`<a href=${`#${resourcePath(place)}`}>${short(step.origin)}</a>` : step.origin}</small>`}
      ${said && html`<small class="quiet">${said}</small>`}</div><${Tag} kind=${tone(step.action)}>${step.action}<//></li>`;
}

/** One button that sends what was only reckoned, and says whether both agree. */
function RealPacket({ question, passes, by }) {
  const [sent, set] = useState({});
  const key = JSON.stringify([body(question), passes, by]);
  const mine = sent.key === key ? sent : {};
  const send = async () => {
    const told = more => set(now => (now.key === key ? { key, ...more } : now)); // another one may be on its way by then
    set({ key, busy: true });
    try {
      told({ answer: await post('/lazulite/probe', body(question)) });
    } catch (error) {
      told({ error });
    }
  };
  const { answer } = mine;
  return html`<${Button} primary busy=${mine.busy} onClick=${send}>${mine.busy ? 'Sending…' : 'Send the real packet'}<//>
    ${mine.error && html`<${Problem} error=${mine.error}/>`}
    ${answer && html`<div class=${`real ${answer.agree ? 'good' : 'bad'}`} role="status"><dl>
      <dt>Model</dt><dd>${(answer.model?.passes ?? passes) ? 'passes' : 'does not pass'}</dd>
      <dt>Real packet</dt><dd>${answer.packet.passes ? 'passes' : 'does not pass'} <small class="quiet">${answer.packet.detail}</small></dd></dl>
      <b>${answer.agree ? 'Both agree' : 'They do not agree'}</b></div>`}`;
}
