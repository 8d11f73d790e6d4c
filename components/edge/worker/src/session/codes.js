/** Close codes (RFC 6455, 7.4; the IANA registry has 1012 and 1013). */

export const NORMAL = 1000;
export const GOING_ON_ELSEWHERE = 1001;
export const REFUSED = 1008;
export const TOO_BIG = 1009;
export const FAILED = 1011;
export const RESTARTED = 1012;
export const TRY_LATER = 1013;
const NO_CODE = 1005;
export const BROKEN = 1006;
const LONGEST_REASON = 123;

/**
 * Whether the client hung up; every other way to lose it is a cut, from which it may come back.
 *
 * @param {number} code
 */
export function hungUp(code) {
  return code === NORMAL || code === NO_CODE;
}

/**
 * The code as it may be sent: 1005 says that there was none, 1006 and 1015 that the connection broke, and none of them goes over a wire.
 *
 * @param {number} code
 */
export function sendable(code) {
  if (code === NO_CODE) return NORMAL;
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== BROKEN) || (code >= 3000 && code <= 4999) ? code : RESTARTED;
}

/**
 * Close a socket whatever its state.
 *
 * @param {WebSocket} socket
 * @param {number} code
 * @param {string} reason
 */
export function closed(socket, code, reason) {
  try {
    socket.close(sendable(code), new TextDecoder().decode(new TextEncoder().encode(reason).slice(0, LONGEST_REASON), { stream: true }));
  } catch {
    // already closed
  }
}
