import { TRY_LATER, closed } from "./codes.js";
import { Room } from "./room.js";

/** The client's side: what is sent to it is bounded while it reads slowly, and kept for it, as bounded, while it is away. */
export class Client {
  /** @type {WebSocket | null} */
  #socket = null;
  #room = new Room(0);
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

  /** @param {WebSocket} socket that is the call's from now on */
  attach(socket) {
    this.#socket = socket;
    this.#room = new Room(this.bytes);
  }

  /** @param {WebSocket} socket */
  is(socket) {
    return this.#socket === socket;
  }

  /** Whether nobody is there. */
  get away() {
    return this.#socket === null;
  }

  /**
   * Let go of whoever is there; what comes from now on is held.
   *
   * @param {number} code
   * @param {string} reason
   */
  close(code, reason) {
    if (this.#socket !== null) closed(this.#socket, code, reason);
    this.#socket = null;
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
    if (socket === null || this.#room.takes(socket, size(frame))) return this.#sent(frame);
    this.close(TRY_LATER, "too much waits to be read; resume the call");
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
