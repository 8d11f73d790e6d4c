import { TRY_LATER, closed } from "./codes.js";

/** The client's side: what is sent to it is bounded while it reads slowly, and kept for it, as bounded, while it is away. */
export class Client {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {(string | ArrayBuffer)[]} */
  #held = [];
  #heldBytes = 0;
  #missed = 0;

  /**
   * @param {number} bytes
   * @param {() => void} cut is told that the client was let go, for it did not read
   */
  constructor(bytes, cut) {
    this.bytes = bytes;
    this.cut = cut;
  }

  /** @param {WebSocket | null} socket that is the call's from now on */
  attach(socket) {
    this.#socket = socket;
  }

  /** @param {WebSocket} socket */
  is(socket) {
    return this.#socket === socket;
  }

  /**
   * Send what came while nobody was there, after `greeting`, which is told how many frames did not fit.
   *
   * What is held is bounded, and so is a greeting: they are sent however much waits.
   *
   * @param {(missed: number) => unknown} greeting
   */
  greet(greeting) {
    const [held, missed] = [this.#held, this.#missed];
    this.#held = [];
    this.#heldBytes = this.#missed = 0;
    for (const frame of [JSON.stringify(greeting(missed)), ...held]) this.#sent(frame);
  }

  /** @param {string | ArrayBuffer} frame */
  send(frame) {
    const socket = this.#socket;
    // A runtime that does not tell how much waits lets nobody go: its answer is not a number, and no number is above the bound.
    if (socket === null || !(socket.bufferedAmount + size(frame) > this.bytes)) return this.#sent(frame);
    this.#socket = null;
    closed(socket, TRY_LATER, "too much waits to be read; resume the call");
    this.#hold(frame);
    this.cut();
  }

  /** @param {string | ArrayBuffer} frame */
  #sent(frame) {
    try {
      if (this.#socket === null) this.#hold(frame);
      else this.#socket.send(frame);
    } catch {
      // Closed, and the event that says so is on its way.
      this.#hold(frame);
    }
  }

  /** @param {string | ArrayBuffer} frame */
  #hold(frame) {
    this.#held.push(frame);
    this.#heldBytes += size(frame);
    while (this.#heldBytes > this.bytes) {
      this.#heldBytes -= size(/** @type {string | ArrayBuffer} */ (this.#held.shift()));
      this.#missed += 1;
    }
  }
}

/**
 * What a frame takes: of text its characters, which are single bytes in audio and nearly so in JSON.
 *
 * @param {string | ArrayBuffer} frame
 */
export function size(frame) {
  return typeof frame === "string" ? frame.length : frame.byteLength;
}
