/** Reading the Realtime protocol: what is not of it is null, never an exception. */

/**
 * The event in a frame, or null.
 *
 * @param {unknown} frame
 * @returns {RealtimeEvent | null}
 */
export function parse(frame) {
  if (typeof frame !== "string") return null;
  try {
    const event = object(JSON.parse(frame));
    return event !== null && typeof event.type === "string" ? /** @type {RealtimeEvent} */ (event) : null;
  } catch {
    return null;
  }
}

/**
 * @param {unknown} value
 * @returns {Record<string, unknown> | null}
 */
export function object(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? /** @type {Record<string, unknown>} */ (value) : null;
}

/**
 * @param {unknown} value
 * @returns {string | null}
 */
export function text(value) {
  return typeof value === "string" ? value : null;
}

/**
 * A number that can be counted with: finite and not negative; otherwise 0.
 *
 * @param {unknown} value
 */
export function amount(value) {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : 0;
}

/**
 * How many bytes a base64 text stands for; null where it is none.
 *
 * @param {unknown} audio
 */
export function audioBytes(audio) {
  if (typeof audio !== "string" || audio.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(audio)) return null;
  return (audio.length / 4) * 3 - (audio.endsWith("==") ? 2 : audio.endsWith("=") ? 1 : 0);
}

/**
 * One base64 text of several.
 *
 * Text without padding stands for whole groups of three bytes and is joined as it is: frames of 20 ms of 24 kHz audio are of this kind.
 *
 * @param {string[]} parts
 */
export function joined(parts) {
  const { length } = parts;
  if (parts.every((part, index) => index === length - 1 || !part.endsWith("="))) return parts.join("");
  return btoa(parts.map((part) => atob(part)).join(""));
}

/**
 * What a response cost: how many tokens it read, how many of them again, and how many it made; null where nothing is said of it.
 *
 * @param {unknown} usage
 * @returns {Tokens | null}
 */
export function tokensOf(usage) {
  const said = object(usage);
  if (said === null) return null;
  return {
    input: amount(said.input_tokens),
    cached: amount(object(said.input_token_details)?.cached_tokens),
    output: amount(said.output_tokens),
  };
}

/** `session.audio.input.turn_detection`: nothing of the protocol's configuration lies deeper, and a hostile one must not fill the stack. */
const CONFIGURATION_DEPTH = 4;

/**
 * The session's configuration after an update: what it names is replaced, objects are merged.
 *
 * @param {Record<string, unknown>} before
 * @param {Record<string, unknown>} update
 * @returns {Record<string, unknown>}
 */
export function merged(before, update, depth = CONFIGURATION_DEPTH) {
  // A map, for a key may be called __proto__.
  const after = new Map(Object.entries(before));
  for (const [key, value] of Object.entries(update)) {
    const [old, young] = [object(after.get(key)), object(value)];
    after.set(key, old !== null && young !== null && depth > 1 ? merged(old, young, depth - 1) : value);
  }
  return Object.fromEntries(after);
}

/**
 * Bytes in a millisecond of the caller's audio: 24 kHz of 16 bits unless the session says G.711.
 *
 * @param {Record<string, unknown>} session
 */
export function bytesPerMillisecond(session) {
  const type = text(object(object(object(session.audio)?.input)?.format)?.type);
  return type === "audio/pcmu" || type === "audio/pcma" ? 8 : 48;
}

/**
 * Whether the model finds the ends of turns itself, and answers by itself.
 *
 * @param {Record<string, unknown>} session
 */
export function turnDetection(session) {
  const input = object(object(session.audio)?.input);
  const detection = input !== null && "turn_detection" in input ? input.turn_detection : {};
  return { detects: detection !== null, answers: detection !== null && object(detection)?.create_response !== false };
}

/**
 * A message to the client in the shape of the protocol's own errors.
 *
 * @param {string} code
 * @param {string} message
 */
export function complaint(code, message) {
  return JSON.stringify({ type: "error", error: { type: "invalid_request_error", code, message } });
}
