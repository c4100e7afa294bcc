// A virtual machine's power: what it is, and the verbs that change it.
import { html, useState } from '../html.js';
import { get, write } from '../api.js';
import { useLab, useLoad } from '../lab.js';
import { Button, Problem, Tag } from '../parts.js';
import { useRevision } from './revision.js';
import { stateKind } from './words.js';

const VERBS = [
  ['start', 'Start'],
  ['restart', 'Restart'],
  ['powerOff', 'Stop'],
  ['deallocate', 'Deallocate'],
];

/** `running`, `stopped`, `deallocated` … from an instance view. */
export const powerOf = view =>
  (view?.statuses ?? [])
    .map(s => s.code)
    .find(code => code.startsWith('PowerState/'))
    ?.slice('PowerState/'.length) ?? '';

export function MachineActions({ document }) {
  const { say } = useLab();
  const stored = useRevision();
  const view = useLoad(signal => get(`${document.id}/instanceView`, { signal }), [document.id], [document.etag, stored]);
  const [busy, set] = useState('');
  const [error, fail] = useState(null);
  const power = powerOf(view.value);
  const act = async (verb, label) => {
    set(verb);
    fail(null);
    try {
      await write('POST', `${document.id}/${verb}`, {});
      say(`${label}: ${document.name} is done.`, 'good');
    } catch (problem) {
      fail(problem);
    }
    set('');
    view.again();
  };
  const idle = {
    start: power === 'running',
    restart: power !== 'running',
    powerOff: power !== 'running',
    deallocate: power === 'deallocated',
  };
  return html`${power && html`<${Tag} kind=${stateKind(power)}>${power}<//>`}${VERBS.map(
    ([verb, label]) => html`
    <${Button} key=${verb} busy=${busy === verb} disabled=${Boolean(busy) || idle[verb]}
      onClick=${() => act(verb, label)}>${label}<//>`,
  )}
    <a class="button" href=${`#/terminals/${encodeURIComponent(document.name)}`}>Terminal</a><${Problem}
      error=${error}/>`;
}
