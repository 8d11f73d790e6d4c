import { DurableObject } from "cloudflare:workers";
import { filled } from "./bucket.js";
import { Counters, countable } from "./counters.js";
import { Leases } from "./leases.js";

/**
 * What a call asks of its tenant's gate. `until` is when its token ends for good, in milliseconds since 1970.
 *
 * @typedef {object} GateAsk
 * @property {string} call
 * @property {string} vertical
 * @property {string} shard the Pool object that it would ask next
 * @property {number} cap
 * @property {number} guaranteed of this vertical's places
 * @property {Starts} starts
 * @property {number} seconds
 * @property {number} until
 *
 * @typedef {"plan" | "starts" | "replayed"} GateRefusal
 * @typedef {{ fence: number, reserved: boolean, shard: string }} Taken
 */

/**
 * One a tenant: the calls of its plan, its guarantees, its starts a second, and what it used.
 *
 * @extends {DurableObject<PoolEnv>}
 */
export class TenantGate extends DurableObject {
  /**
   * @param {DurableObjectState} ctx
   * @param {PoolEnv} env
   */
  constructor(ctx, env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.leases = new Leases(sql);
    this.counters = new Counters(sql);
    // Calls that are over, for as long as their tokens would be good for another.
    sql.exec("CREATE TABLE IF NOT EXISTS ended (call TEXT PRIMARY KEY, until INTEGER NOT NULL)");
    sql.exec("CREATE INDEX IF NOT EXISTS ended_until ON ended (until)");
    sql.exec("CREATE TABLE IF NOT EXISTS reported (call TEXT PRIMARY KEY, totals TEXT NOT NULL, at INTEGER NOT NULL)");
    sql.exec("CREATE INDEX IF NOT EXISTS reported_at ON reported (at)");
    sql.exec("CREATE TABLE IF NOT EXISTS bucket (tokens REAL NOT NULL, at INTEGER NOT NULL)");
  }

  /**
   * A place of the plan for the call, or why there is none. A call that holds one has it already, with the same fence; its token is
   * good for no other vertical.
   *
   * @param {GateAsk} ask
   * @returns {Promise<Taken | { refused: GateRefusal }>}
   */
  async take(ask) {
    const taken = this.admit(ask, Date.now());
    if ("refused" in taken) this.counters.note(`refused:${taken.refused}`);
    else if ((await this.ctx.storage.getAlarm()) === null) await this.#sweepLater();
    return taken;
  }

  /**
   * The one step from counting to inserting: nothing is awaited in it.
   *
   * @param {GateAsk} ask
   * @param {number} now
   * @returns {Taken | { refused: GateRefusal }}
   */
  admit(ask, now) {
    const { call, vertical, cap, guaranteed, starts, seconds, until, shard } = ask;
    this.#sweep(now);
    const running = this.leases.find(call, now);
    if (running !== null) {
      const { reserved: was, shard: first, vertical: began } = note(running);
      if (began !== vertical) return { refused: "replayed" };
      return { fence: running.fence, reserved: was, shard: first };
    }
    if (this.#hasEnded(call, now)) return { refused: "replayed" };
    if (this.leases.held(now) >= cap) return { refused: "plan" };
    if (!this.#start(starts, now)) return { refused: "starts" };
    const reserved = this.leases.held(now, vertical) < guaranteed;
    const kept = JSON.stringify({ reserved, shard, vertical, until });
    const fence = this.leases.insert({ call, expires: now + seconds * 1000, kind: reserved ? vertical : "", note: kept });
    // An id that was used long ago counts anew.
    this.ctx.storage.sql.exec("DELETE FROM reported WHERE call = ?", call);
    this.counters.add({ admitted: 1 });
    return { fence, reserved, shard };
  }

  /**
   * Whether the call still held its place, and holds it for the next `seconds`.
   *
   * @param {string} call
   * @param {number} fence
   * @param {number} seconds
   * @param {Record<string, number>} [totals] as in `report`
   */
  renew(call, fence, seconds, totals = {}) {
    const now = Date.now();
    const renewed = this.leases.renew(call, fence, now + seconds * 1000, now);
    this.report(call, totals);
    return renewed;
  }

  /**
   * The call is over; its token is good for no other.
   *
   * @param {string} call
   * @param {number} fence
   * @param {Record<string, number>} [totals] as in `report`
   */
  release(call, fence, totals = {}) {
    const gone = this.leases.remove(call, fence);
    if (gone !== null) this.#end(gone);
    this.report(call, totals);
  }

  /**
   * The call never began: nobody answered, or its vertical had no place. Its token is good for another try.
   *
   * @param {string} call
   * @param {number} fence
   * @param {string} reason
   */
  cancel(call, fence, reason) {
    if (this.leases.remove(call, fence) === null) return;
    // A start that did not come about is no start.
    this.ctx.storage.sql.exec("UPDATE bucket SET tokens = tokens + 1");
    this.counters.add({ [`refused:${reason}`]: 1 });
  }

  /**
   * What a call has used since its beginning, by the names that metrics.js knows. Only what is new is added, so that a report
   * that is repeated, or is smaller than one before, adds nothing.
   *
   * @param {string} call
   * @param {Record<string, number>} totals
   */
  report(call, totals) {
    if (Object.keys(totals).length === 0) return;
    const { sql } = this.ctx.storage;
    const [row] = sql.exec("SELECT totals FROM reported WHERE call = ?", call);
    /** @type {Record<string, number>} */
    const before = row === undefined ? {} : JSON.parse(String(row.totals));
    // Each counter is a row, and rows are paid for.
    const grown = Object.entries(totals).filter(([name, value]) => countable(value) && value > (before[name] ?? -1));
    this.counters.add(Object.fromEntries(grown.map(([name, value]) => [name, value - (before[name] ?? 0)])));
    sql.exec("INSERT OR REPLACE INTO reported VALUES (?, ?, ?)", call, JSON.stringify({ ...before, ...Object.fromEntries(grown) }), Date.now());
  }

  /**
   * Count what happened once, by the names that metrics.js knows.
   *
   * @param {Record<string, number>} counts
   */
  count(counts) {
    this.counters.add(counts);
  }

  /** How many calls run, how many of them by a vertical's guarantee, and all that was counted. */
  status() {
    const now = Date.now();
    return { active: this.leases.held(now), guaranteed: this.leases.kinds(now), counts: this.counters.all() };
  }

  async alarm() {
    this.#sweep(Date.now());
    await this.#sweepLater();
  }

  /** @param {number} now */
  #sweep(now) {
    const { leaseSeconds, reportedSeconds } = this.env.SETTINGS;
    for (const gone of this.leases.sweep(now, leaseSeconds * 1000)) this.#end(gone);
    const { sql } = this.ctx.storage;
    sql.exec("DELETE FROM ended WHERE until <= ?", now);
    sql.exec("DELETE FROM reported WHERE at <= ? AND call NOT IN (SELECT call FROM lease)", now - reportedSeconds * 1000);
  }

  async #sweepLater() {
    const { next } = this.ctx.storage.sql.exec("SELECT min(until) AS next FROM ended").one();
    const times = [this.leases.next(), next === null ? null : Number(next)].filter((time) => time !== null);
    if (times.length > 0) await this.ctx.storage.setAlarm(Math.min(...times));
  }

  /** @param {import("./leases.js").Lease} lease */
  #end(lease) {
    const { until } = note(lease);
    this.ctx.storage.sql.exec("INSERT INTO ended VALUES (?, ?) ON CONFLICT (call) DO UPDATE SET until = excluded.until", lease.call, until);
  }

  /**
   * @param {string} call
   * @param {number} now
   */
  #hasEnded(call, now) {
    return this.ctx.storage.sql.exec("SELECT call FROM ended WHERE call = ? AND until > ?", call, now).toArray().length > 0;
  }

  /**
   * @param {Starts} starts
   * @param {number} now
   */
  #start(starts, now) {
    const { sql } = this.ctx.storage;
    const [row] = sql.exec("SELECT tokens, at FROM bucket");
    const before = row === undefined ? { tokens: starts.burst, at: now } : { tokens: Number(row.tokens), at: Number(row.at) };
    const tokens = filled(before, starts, now);
    const started = tokens >= 1;
    // A refusal is not written. But where the clock was put back the bucket fills from now on, not from when the clock is there again.
    if (started || before.at > now) {
      sql.exec("DELETE FROM bucket");
      sql.exec("INSERT INTO bucket VALUES (?, ?)", started ? tokens - 1 : tokens, now);
    }
    return started;
  }
}

/**
 * @param {import("./leases.js").Lease} lease
 * @returns {{ reserved: boolean, shard: string, vertical: string, until: number }}
 */
function note(lease) {
  return JSON.parse(lease.note);
}
