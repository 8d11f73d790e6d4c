/**
 * What KV said a moment ago, as far as it said something: a flood of calls need not ask for each. Values alone are kept, for a promise
 * belongs to the request that made it.
 *
 * @type {Map<string, { at: number, value: any }>}
 */
const kept = new Map();

/**
 * A JSON value of KV, or null: none is there, or what is there is no JSON.
 *
 * @param {KVNamespace} kv
 * @param {string} key
 * @param {number} seconds how old it may be beside what KV itself keeps
 * @returns {Promise<any>}
 */
export async function read(kv, key, seconds) {
  const before = kept.get(key);
  if (before !== undefined && Math.abs(Date.now() - before.at) < seconds * 1000) return before.value;
  const value = parsed(key, await kv.get(key));
  if (value === null) kept.delete(key);
  else if (seconds > 0) kept.set(key, { at: Date.now(), value });
  return value;
}

/**
 * @param {string} key
 * @param {string | null} text
 */
function parsed(key, text) {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    console.error(JSON.stringify({ event: "no JSON in KV", key }));
    return null;
  }
}
