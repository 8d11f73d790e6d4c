// A Redis client on which BullMQ's own scripts refuse a job at the cap, within the script that adds it: nothing runs in between.
import { Redis } from "ioredis";
import scripts from "bullmq/dist/cjs/scripts/index.js";
import bullmq from "bullmq/dist/cjs/version.js";

/** The first word of Redis' answers to a job that was not added. */
export const FULL = "DEPTHCAP";
export const KNOWN = "KNOWN";

/** What counts as in the queue: all that a worker will still take or holds. */
const LISTS = ["wait", "paused", "active"];
const SETS = ["prioritized", "delayed", "waiting-children"];

/**
 * Returns a client for a BullMQ queue that holds at most `cap` jobs. BullMQ defines a script only where its client has none of
 * that name and version, so these stand; the version is pinned, and a test reads the answers.
 *
 * It fails fast: a command that Redis cannot take now is an error now, and nothing is sent a second time.
 *
 * @param {import("ioredis").RedisOptions} connection
 * @param {{cap: number, answerMilliseconds: number}} bounds
 */
export function cappedClient(connection, { cap, answerMilliseconds }) {
  const client = new Redis({
    ...connection,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: answerMilliseconds,
    connectTimeout: answerMilliseconds,
  });
  for (const { script, lua } of [
    { script: scripts.addPrioritizedJob, lua: `${known()}${below(cap, "KEYS[2]")}` },
    { script: scripts.reprocessJob, lua: below(cap, "KEYS[5]") },
  ]) {
    client.defineCommand(`${script.name}:${bullmq.version}`, { numberOfKeys: script.keys, lua: lua + script.content });
  }
  return client;
}

/** Returns the Lua that answers for a job that is there already: one offered again at the cap is not refused. */
function known() {
  return `
do
  local given = cmsgpack.unpack(ARGV[1])
  if redis.call("EXISTS", given[1] .. given[2]) == 1 then return redis.error_reply("${KNOWN} " .. given[2]) end
end
`;
}

/**
 * Returns the Lua that answers when the queue is full. `meta` is where the script keeps the key of that name.
 *
 * @param {number} cap
 * @param {string} meta
 */
function below(cap, meta) {
  const counts = [...LISTS.map((key) => `redis.call("LLEN", p .. "${key}")`), ...SETS.map((key) => `redis.call("ZCARD", p .. "${key}")`)];
  return `
do
  local p = string.sub(${meta}, 1, -5)
  local depth = ${counts.join(" + ")}
  if depth >= ${cap} then return redis.error_reply("${FULL} " .. depth) end
end
`;
}
