// The way of what is typed: one request at a time, so that letters arrive in their order.
import { Unreachable, post } from '../api.js';

const PIECE = 16384;
const AGAIN_MS = 500;

/** Bytes of base64. */
export const bytesOf = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));

/** The first piece of a text, not cut within a letter that takes two units, and the rest. */
export function cut(text, most = PIECE) {
  if (text.length <= most) return [text, ''];
  const last = text.charCodeAt(most - 1);
  const at = last >= 0xd800 && last <= 0xdbff ? most - 1 : most;
  return [text.slice(0, at), text.slice(at)];
}

/** `failed(error)` hears of what is refused; what did not arrive is sent again. */
export class Typing {
  mute = false;
  #waiting = '';
  #sending = false;
  #sized = null;

  constructor(place, failed, send = post) {
    this.place = place;
    this.failed = failed;
    this.send = send;
  }

  type(text) {
    if (this.mute) return;
    this.#waiting += text;
    if (!this.#sending) this.#push();
  }

  /** The newest size at last, whichever answer comes first. */
  async size(rows, columns) {
    const busy = this.#sized !== null;
    this.#sized = { rows, columns };
    if (busy) return;
    try {
      for (let sent = null; sent !== this.#sized;) {
        sent = this.#sized;
        await this.send(`${this.place}/size`, sent);
      }
    } catch (error) {
      this.failed(error);
    }
    this.#sized = null;
  }

  async #push() {
    this.#sending = true;
    while (this.#waiting) {
      const [text, rest] = cut(this.#waiting);
      try {
        await this.send(`${this.place}/input`, { text });
        this.#waiting = rest + this.#waiting.slice(text.length + rest.length);
      } catch (error) {
        if (!(error instanceof Unreachable)) {
          this.#waiting = '';
          this.failed(error);
        } else await new Promise(done => setTimeout(done, AGAIN_MS));
      }
    }
    this.#sending = false;
  }
}
