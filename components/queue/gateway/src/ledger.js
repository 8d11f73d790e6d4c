// A book of effects: each is written down once, whoever comes second reads what the first one wrote.

/**
 * @typedef {object} Ledger
 * @property {(key: string) => Promise<boolean>} has
 * @property {(key: string, result: string) => Promise<boolean>} record Whether this was the first of that key.
 */

/**
 * Returns a ledger in the queue's own Redis. An entry lives for `seconds`: longer than anybody offers the same call again.
 *
 * @param {import("ioredis").Redis} client
 * @param {{queue: string, seconds: number}} kept
 * @returns {Ledger}
 */
export function redisLedger(client, { queue, seconds }) {
  // A job's id has no colon, so no job has such a key.
  const name = (/** @type {string} */ key) => `bull:${queue}:effect:${key}`;
  return {
    has: async (key) => (await client.exists(name(key))) === 1,
    record: async (key, result) => (await client.set(name(key), result, "EX", seconds, "NX")) === "OK",
  };
}
