import { counters } from "./latency.js";


/**
 * What is known of a call from its admission to its last report, in storage as it goes: nothing tells an object that it is about to stop.
 *
 * @typedef {SessionCall & {
 *   token: string,
 *   started: number,
 *   until: number,
 *   renew: number,
 *   cut: number | null,
 *   ended: number | null,
 *   session: Record<string, unknown>,
 *   latencies: import("./latency.js").Latencies,
 * }} CallState
 *
 * `token` is the digest of the resume token; `until` is when the call ends without another renewal, `renew` when that is due, `cut` since
 * when no client is there, `ended` since when the call is over and not yet reported; `session` is what the client configured.
 */

const TABLES = [
  "CREATE TABLE call (state TEXT NOT NULL)",
  "CREATE TABLE item (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)",
  "CREATE TABLE usage (id TEXT PRIMARY KEY, input INTEGER NOT NULL, cached INTEGER NOT NULL, output INTEGER NOT NULL) WITHOUT ROWID",
];

/**
 * The call that the object holds, or null. An object that never held one has no tables, so that asking for it stores nothing.
 *
 * @param {SqlStorage} sql
 * @returns {CallState | null}
 */
export function held(sql) {
  if (sql.exec("SELECT name FROM sqlite_master WHERE name = 'call'").toArray().length === 0) return null;
  return JSON.parse(String(sql.exec("SELECT state FROM call").one().state));
}

/**
 * @param {SqlStorage} sql
 * @param {CallState} state
 */
export function begin(sql, state) {
  for (const table of TABLES) sql.exec(table);
  sql.exec("INSERT INTO call VALUES (?)", JSON.stringify(state));
}

/**
 * @param {SqlStorage} sql
 * @param {CallState} state
 */
export function save(sql, state) {
  sql.exec("UPDATE call SET state = ?", JSON.stringify(state));
}

/**
 * Add what a response cost, once: an event may come again.
 *
 * @param {SqlStorage} sql
 * @param {string} id
 * @param {Tokens} tokens
 */
export function addUsage(sql, id, { input, cached, output }) {
  sql.exec("INSERT INTO usage VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", id, input, cached, output);
}

/**
 * What came of the call so far, as counters of its tenant.
 *
 * @param {SqlStorage} sql
 * @param {CallState} state
 * @param {number[]} buckets
 * @param {number} now
 * @returns {Record<string, number>}
 */
export function countsOf(sql, { latencies, started, ended }, buckets, now) {
  const used = sql.exec("SELECT total(input) AS input, total(cached) AS cached, total(output) AS output FROM usage").one();
  return {
    seconds: ((ended ?? now) - started) / 1000,
    turns: latencies.firstToken.counts.reduce((sum, count) => sum + count, 0),
    "tokens:input": Number(used.input),
    "tokens:cached": Number(used.cached),
    "tokens:output": Number(used.output),
    ...counters("first_token", latencies.firstToken, buckets),
    ...counters("first_audio", latencies.firstAudio, buckets),
  };
}
