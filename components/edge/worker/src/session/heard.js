import { audioBytes, joined } from "./protocol.js";

/** What a caller said and nobody wrote down yet: an upstream that takes over in the middle of a turn is told it. */
export class Heard {
  /** @type {{ audio: string, bytes: number, end: number }[]} */
  #open = [];
  /** @type {Map<string, { audio: string, bytes: number, end: number }[]>} */
  #turns = new Map();
  /** Bytes that this upstream was sent, and up to where the turn that it found goes. */
  #sent = 0;
  #turnEnd = Infinity;
  #kept = 0;

  /** @param {number} bytes that are kept; beyond them the oldest go */
  constructor(bytes) {
    this.bytes = bytes;
  }

  /** @param {string} audio in base64 */
  append(audio) {
    const bytes = audioBytes(audio) ?? 0;
    this.#sent += bytes;
    this.#kept += bytes;
    this.#open.push({ audio, bytes, end: this.#sent });
    while (this.#kept > this.bytes) this.#dropOldest();
  }

  /**
   * Nobody speaks: only the last instants are kept.
   *
   * @param {number} bytes
   */
  quiet(bytes) {
    while (this.#open[0] !== undefined && this.#open[0].end <= this.#sent - bytes) this.#kept -= this.#open.shift()?.bytes ?? 0;
  }

  /**
   * The model found a turn's beginning or end, in bytes of what it was sent.
   *
   * @param {number} bytes
   */
  turnBegan(bytes) {
    while (this.#open[0] !== undefined && this.#open[0].end <= bytes) this.#kept -= this.#open.shift()?.bytes ?? 0;
    this.#turnEnd = Infinity;
  }

  /** @param {number} bytes */
  turnEnded(bytes) {
    this.#turnEnd = bytes;
  }

  /**
   * The turn became an item of the conversation; what was said after it is the next one's.
   *
   * @param {string} item
   */
  committed(item) {
    const next = this.#open.findIndex(({ end, bytes }) => end - bytes >= this.#turnEnd);
    this.#turns.set(item, this.#open.splice(0, next === -1 ? this.#open.length : next));
    this.#turnEnd = Infinity;
  }

  /**
   * The turn is written down, or gone.
   *
   * @param {string} item
   */
  settled(item) {
    for (const { bytes } of this.#turns.get(item) ?? []) this.#kept -= bytes;
    this.#turns.delete(item);
  }

  cleared() {
    for (const { bytes } of this.#open) this.#kept -= bytes;
    this.#open = [];
    this.#turnEnd = Infinity;
  }

  /**
   * What is kept of a turn; null where it is nothing.
   *
   * @param {string} item
   */
  turn(item) {
    const chunks = this.#turns.get(item) ?? [];
    return chunks.length === 0 ? null : joined(chunks.map(({ audio }) => audio));
  }

  /** What was said since the last turn; a new upstream is sent it first, and counts from its beginning. */
  retold() {
    this.#sent = 0;
    this.#turnEnd = Infinity;
    this.#open = this.#open.map((chunk) => ({ ...chunk, end: (this.#sent += chunk.bytes) }));
    return this.#open.length === 0 ? null : joined(this.#open.map(({ audio }) => audio));
  }

  #dropOldest() {
    const [[item, chunks] = []] = this.#turns;
    const oldest = chunks ?? this.#open;
    this.#kept -= oldest.shift()?.bytes ?? 0;
    if (item !== undefined && oldest.length === 0) this.#turns.delete(item);
  }
}
