import { Batch, concatenated } from "./batch.js";
import { size } from "./client.js";
import { BROKEN, FAILED, NORMAL, TRY_LATER, closed } from "./codes.js";
import { Room } from "./room.js";

/**
 * A vertical's own service, behind the tunnel: frames pass as they are.
 *
 * Binary frames are taken as one stream of audio: those of one window arrive as one.
 *
 * @implements {Upstream}
 */
export class Service {
  /** @type {WebSocket | null} */
  #socket = null;
  #room;
  /** @type {Batch<ArrayBuffer>} */
  #audio;

  /**
   * @param {() => Promise<WebSocket | null>} connect
   * @param {SessionSettings} settings
   * @param {SessionHost} host
   */
  constructor(connect, settings, host) {
    this.connect = connect;
    this.settings = settings;
    this.host = host;
    this.#room = new Room(settings.backlogBytes);
    this.#audio = new Batch(settings.batchMilliseconds, (frames) => this.#send(concatenated(frames)));
  }

  async open() {
    const socket = await this.connect();
    if (socket === null) return false;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#fromUpstream(data));
    socket.addEventListener("close", ({ code, reason }) => this.#gone(code, reason));
    // Of a far side that breaks the protocol there is no close.
    socket.addEventListener("error", () => this.#gone(BROKEN, "the vertical broke off"));
    return true;
  }

  /** @param {string | ArrayBuffer} frame */
  fromClient(frame) {
    if (typeof frame !== "string") return this.#audio.add(frame);
    this.#audio.flush();
    this.#send(frame);
  }

  close() {
    this.#audio.flush();
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) closed(socket, NORMAL, "the call is over");
  }

  /** @param {string | ArrayBuffer} frame */
  #fromUpstream(frame) {
    if (size(frame) > this.settings.frameBytes) this.host.end(FAILED, "the vertical sent too large a frame");
    else this.host.toClient(frame);
  }

  /** @param {string | ArrayBuffer} frame */
  #send(frame) {
    if (this.#socket === null) return;
    if (!this.#room.takes(this.#socket, size(frame))) return this.host.end(TRY_LATER, "the vertical does not keep up");
    this.#socket.send(frame);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #gone(code, reason) {
    if (this.#socket === null) return;
    this.#socket = null;
    this.host.end(code, reason);
  }
}
