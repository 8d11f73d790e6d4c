// When what Redis answered is in its append-only file, and so outlives the process.
import { setTimeout as pause } from "node:timers/promises";

const POLL_MILLISECONDS = 2;

/**
 * Returns a function whose promise is kept when everything that Redis answered before the call has been written to its
 * append-only file. Redis answers first and writes later while an fsync runs (appendfsync everysec, up to 2 s): an answer alone
 * is lost with a killed process. WAITAOF would say it too, and waits for the fsync; it is there from Redis 7.2.
 *
 * All who ask while one question is on its way share the next one. The promise is broken where Redis keeps no such file, cannot
 * write it, or does not within `patience`.
 *
 * @param {{info: (section: string) => Promise<string>}} client
 * @param {{patienceMilliseconds: number}} bounds
 * @returns {() => Promise<void>}
 */
export function appendedBy(client, { patienceMilliseconds }) {
  let asked = Promise.resolve();
  /** @type {Promise<void> | undefined} */
  let next;
  return () => {
    if (next === undefined) {
      next = asked.then(() => {
        next = undefined;
        return written(client, patienceMilliseconds);
      });
      asked = next.catch(() => {});
    }
    return next;
  };
}

/**
 * @param {{info: (section: string) => Promise<string>}} client
 * @param {number} patience
 */
async function written(client, patience) {
  const patient = Date.now() + patience;
  let file = persistence(await client.info("persistence"));
  let end = file.size + file.waiting;
  while (file.waiting > 0 && file.size < end) {
    if (Date.now() > patient) throw new Error(`${file.waiting} B wait to be appended for longer than ${patience} ms`);
    await pause(POLL_MILLISECONDS);
    const before = file.base;
    file = persistence(await client.info("persistence"));
    // The file was written anew: its size tells nothing of what came before.
    if (file.base !== before) end = file.size + file.waiting;
  }
}

/**
 * Returns what INFO says of the append-only file: bytes written, bytes that wait, and the size when it was last written anew.
 *
 * @param {string} text
 */
export function persistence(text) {
  const said = new Map(text.split("\r\n").map((line) => /** @type {[string, string]} */ (line.split(":", 2))));
  if (said.get("aof_enabled") !== "1") throw new Error("Redis keeps no append-only file: what it answers is lost with it");
  if (said.get("aof_last_write_status") !== "ok") throw new Error("Redis could not write its append-only file");
  const [size, waiting, base] = ["aof_current_size", "aof_buffer_length", "aof_base_size"].map((name) => Number(said.get(name)));
  if (size === undefined || waiting === undefined || base === undefined || Number.isNaN(size + waiting + base)) {
    throw new Error("Redis does not say how far its append-only file is written");
  }
  return { size, waiting, base };
}
