// Who may speak with the gateway: whoever shows one of its tokens. Several are valid while they are changed.
import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Returns whether an Authorization header shows one of the tokens, in a time that tells nothing of them.
 *
 * @param {string} tokens Separated by white space.
 * @returns {(header: string | undefined) => boolean}
 */
export function tokenCheck(tokens) {
  const valid = tokens.split(/\s+/).filter(Boolean).map(fingerprint);
  if (valid.length === 0) throw new Error("no token is given: nobody could speak with the gateway");
  return (header) => {
    const shown = fingerprint(header?.startsWith("Bearer ") ? header.slice("Bearer ".length) : "");
    return valid.map((one) => timingSafeEqual(one, shown)).includes(true);
  };
}

/** @param {string} text */
function fingerprint(text) {
  return createHash("sha256").update(text).digest();
}
