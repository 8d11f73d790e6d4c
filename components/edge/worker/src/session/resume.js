/** Resume tokens: which object holds the call, and 32 random bytes that nobody else has. Only their digest is stored. */

const SECRET_BYTES = 32;

/** @param {DurableObjectId} object by whose id the router finds it again */
export function newToken(object) {
  return `${object}.${encoded(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))}`;
}

/** @param {string} token */
export async function digestOf(token) {
  return encoded(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))));
}

/**
 * Whether a token is the one with this digest, in a time that does not tell how much of it is right.
 *
 * @param {string} token
 * @param {string} digest
 */
export async function matches(token, digest) {
  const given = decoded(await digestOf(token));
  const known = decoded(digest);
  return given !== null && known !== null && given.length === known.length && crypto.subtle.timingSafeEqual(given, known);
}

/** @param {Uint8Array} bytes */
function encoded(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text */
function decoded(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null;
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
