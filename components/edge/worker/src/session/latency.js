/**
 * How long answers took: from the end of a caller's words to the first token and to the first sound, in milliseconds.
 *
 * @typedef {{ firstToken: Histogram, firstAudio: Histogram }} Latencies
 */

/**
 * @param {number} buckets
 * @returns {Latencies}
 */
export function noLatencies(buckets) {
  const none = () => ({ counts: new Array(buckets + 1).fill(0), sum: 0 });
  return { firstToken: none(), firstAudio: none() };
}

/**
 * The histogram with one latency more.
 *
 * @param {Histogram} histogram
 * @param {number[]} buckets
 * @param {number | null} milliseconds
 * @returns {Histogram}
 */
export function counted(histogram, buckets, milliseconds) {
  if (milliseconds === null) return histogram;
  const found = buckets.findIndex((bound) => milliseconds <= bound);
  const place = found === -1 ? buckets.length : found;
  return {
    counts: histogram.counts.map((count, index) => (index === place ? count + 1 : count)),
    sum: histogram.sum + milliseconds,
  };
}

/**
 * The histogram as the counters of Prometheus' histograms: in seconds, each bucket with those below it.
 *
 * @param {string} family
 * @param {Histogram} histogram
 * @param {number[]} buckets
 * @returns {Record<string, number>}
 */
export function counters(family, { counts, sum }, buckets) {
  const bounds = [...buckets.map((milliseconds) => milliseconds / 1000), "+Inf"];
  let below = 0;
  const named = counts.map((count, index) => [`${family}_bucket:${bounds[index]}`, (below += count)]);
  return { ...Object.fromEntries(named), [`${family}_sum`]: sum / 1000, [`${family}_count`]: below };
}

/** Times one turn after another. */
export class TurnTimer {
  /** @type {number | null} */
  #ended = null;
  #token = false;
  #sound = false;

  /**
   * The caller's turn ended, or the client asked for an answer: the last of these counts.
   *
   * @param {number} now
   */
  turnEnded(now) {
    this.#ended = now;
    this.#token = this.#sound = false;
  }

  /**
   * What a part of an answer settles: the first token's latency, the first sound's, both or neither.
   *
   * @param {boolean} sound
   * @param {number} now
   */
  answered(sound, now) {
    if (this.#ended === null) return { firstToken: null, firstAudio: null };
    const firstToken = this.#token ? null : now - this.#ended;
    const firstAudio = sound && !this.#sound ? now - this.#ended : null;
    this.#token = true;
    this.#sound ||= sound;
    return { firstToken, firstAudio };
  }

  /** The answer is over; what follows without a new turn is not timed. */
  done() {
    this.#ended = null;
  }
}
