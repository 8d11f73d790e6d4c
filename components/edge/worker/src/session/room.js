/**
 * What may still be sent on a socket before too much waits for its reader.
 *
 * How much waits is asked only where what was free at the last look is used up: it grows by what is sent, and by nothing else.
 */
export class Room {
  #free = 0;

  /** @param {number} bytes that may wait */
  constructor(bytes) {
    this.bytes = bytes;
  }

  /**
   * Whether a frame may be sent now; it is counted as sent.
   *
   * A runtime that does not tell how much waits keeps nobody from sending: its answer is not a number, and no number is below 0.
   *
   * @param {WebSocket} socket always the same one
   * @param {number} size
   */
  takes(socket, size) {
    if (!(size <= this.#free)) this.#free = this.bytes - socket.bufferedAmount;
    this.#free -= size;
    return !(this.#free < 0);
  }
}
