/**
 * A token bucket's tokens after some time. A clock that was put back fills nothing.
 *
 * @param {{ tokens: number, at: number }} before milliseconds since 1970
 * @param {Starts} starts
 * @param {number} now
 */
export function filled({ tokens, at }, { perSecond, burst }, now) {
  return Math.min(burst, tokens + (Math.max(0, now - at) / 1000) * perSecond);
}
