/**
 * Joins what comes within one window, so that an upstream gets one message instead of many.
 *
 * @template Part
 */
export class Batch {
  /** @type {Part[]} */
  #parts = [];
  /** @type {ReturnType<typeof setTimeout> | null} */
  #timer = null;

  /**
   * @param {number} milliseconds of a window; 0: nothing waits
   * @param {(parts: Part[]) => void} send is given at least one part
   */
  constructor(milliseconds, send) {
    this.milliseconds = milliseconds;
    this.send = send;
  }

  /** @param {Part} part */
  add(part) {
    if (this.milliseconds === 0) return this.send([part]);
    this.#parts.push(part);
    this.#timer ??= setTimeout(() => this.flush(), this.milliseconds);
  }

  /** Send what waits, now: whatever follows it must not overtake it. */
  flush() {
    const parts = this.drop();
    if (parts.length > 0) this.send(parts);
  }

  /** Forget what waits, and return it. */
  drop() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }
}

/**
 * One buffer of several.
 *
 * @param {ArrayBuffer[]} parts
 */
export function concatenated(parts) {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.byteLength, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(new Uint8Array(part), end);
    end += part.byteLength;
  }
  return whole.buffer;
}
