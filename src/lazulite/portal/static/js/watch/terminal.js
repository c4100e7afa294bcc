// One terminal, in a frame of its own because xterm writes styles. The page around it says when to stream (`shown`), and
// hears how it goes; both sides are of one origin, and check that.
import { FitAddon } from '../../vendor/xterm-fit.js';
import { Terminal } from '../../vendor/xterm.js';
import { ApiError, follow, get } from '../api.js';
import { Typing, bytesOf } from './line.js';

const key = new URLSearchParams(location.hash.slice(1)).get('id');
const place = `/lazulite/terminals/${encodeURIComponent(key)}`;
const RESIZED_MS = 120;
const AGAIN_MS = 700;
const THEME = { background: '#10151f', foreground: '#e6ebf4', cursor: '#82a9ff', selectionBackground: '#35538a' };

const term = new Terminal({ fontFamily: '"DejaVu Sans Mono", ui-monospace, monospace', fontSize: 13, scrollback: 5000, theme: THEME, screenReaderMode: true });
const fit = new FitAddon();
let at = 0;
let known = 0;
let over = false;
let streaming = null;

const tell = (state, text = '') => parent.postMessage({ terminal: key, state, text }, location.origin);
const typing = new Typing(place, failed);

/** The end of it, said where the output ends. */
function ended(text) {
  over = true;
  stop();
  term.write(`\r\n\x1b[7m ${text} \x1b[0m\x1b[?25l`);
  tell('ended', text);
}

function failed(error) {
  if (error.code === 'TerminalBusy') return tell('busy', error.message);
  if (!over && (error.code === 'TerminalNotFound' || error.code === 'TerminalEnded')) ended('This terminal has ended.');
  else if (error instanceof ApiError) tell('refused', error.message);
  return undefined;
}

function take(frame) {
  if (frame.type === 'ended') return ended(frame.machineGone ? 'The machine is gone.' : `The shell has ended (exit code ${frame.code}).`);
  if (frame.from > at) term.write('\r\n\x1b[2m[older output is not kept]\x1b[0m\r\n');
  const data = bytesOf(frame.data).subarray(Math.max(0, at - frame.from));
  at = Math.max(at, frame.to);
  term.write(data, () => { typing.mute = at < known; });
  return undefined;
}

/** Follow the output from where it is known; after a loss from there again. */
function start() {
  if (streaming || over) return;
  const mine = new AbortController();
  streaming = mine;
  const state = now => {
    if (mine.signal.aborted || over) return;
    tell(now);
    if (now === 'lost') again(mine);
  };
  follow(`${place}/output?after=${at}`, take, { signal: mine.signal, state });
}

function again(lost) {
  lost.abort();
  setTimeout(async () => {
    if (streaming !== lost) return;
    try {
      await get(place);
      if (streaming !== lost) return; // it went out of sight meanwhile
      streaming = null;
      start();
    } catch (error) {
      if (error instanceof ApiError) failed(error);
      else if (streaming === lost) again(lost);
    }
  }, AGAIN_MS);
}

function stop() {
  streaming?.abort();
  streaming = null;
}

/** Ctrl+Shift+C copies as in other terminals; Ctrl+Shift+V is the browser's own paste. */
function keys(event) {
  if (event.type !== 'keydown' || !event.ctrlKey || !event.shiftKey) return true;
  if (event.code === 'KeyC') {
    event.preventDefault();
    if (term.hasSelection()) navigator.clipboard.writeText(term.getSelection()).catch(() => tell('refused', 'The browser does not let the page copy.'));
    return false;
  }
  return event.code !== 'KeyV';
}

let sizing;
function sized({ rows, cols }) {
  clearTimeout(sizing);
  sizing = setTimeout(() => { if (!over) typing.size(rows, cols); }, RESIZED_MS);
}

async function open() {
  term.loadAddon(fit);
  term.open(document.getElementById('terminal'));
  term.attachCustomKeyEventHandler(keys);
  term.onData(text => typing.type(text));
  term.onResize(sized);
  // What is read again must not be answered again: programs once asked the terminal what it is.
  known = (await get(place)).output;
  typing.mute = known > 0;
  new ResizeObserver(() => { if (document.body.clientWidth) fit.fit(); }).observe(document.body);
  addEventListener('message', event => {
    if (event.origin !== location.origin || event.source !== parent) return;
    if (event.data.shown) { start(); fit.fit(); term.focus(); } else stop();
  });
  tell('ready');
}

open().catch(error => (error.code === 'TerminalNotFound' ? failed(error) : tell('refused', error.message)));
