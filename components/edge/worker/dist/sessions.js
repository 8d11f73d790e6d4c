// components/edge/worker/src/gate.js
import { DurableObject } from "cloudflare:workers";

// components/edge/worker/src/bucket.js
function filled({ tokens, at }, { perSecond, burst }, now) {
  return Math.min(burst, tokens + Math.max(0, now - at) / 1e3 * perSecond);
}

// components/edge/worker/src/counters.js
var Counters = class {
  /** @type {Record<string, number>} */
  #noted = {};
  /** @type {ReturnType<typeof setTimeout> | null} */
  #writing = null;
  /** @param {SqlStorage} sql */
  constructor(sql) {
    this.sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value REAL NOT NULL)");
  }
  /** @param {Record<string, number>} counts what is not a finite number of 0 or more is left out */
  add(counts) {
    for (const [name, value] of Object.entries(counts)) {
      if (!countable(value)) continue;
      this.sql.exec("INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value", name, value);
    }
  }
  /**
   * Count one within the next second: a flood that is refused must not be a write each. A crash forgets what is not written.
   *
   * @param {string} name
   */
  note(name) {
    this.#noted[name] = (this.#noted[name] ?? 0) + 1;
    this.#writing ??= setTimeout(() => this.#write(), 1e3);
  }
  #write() {
    clearTimeout(this.#writing);
    this.#writing = null;
    this.add(this.#noted);
    this.#noted = {};
  }
  /** @returns {Record<string, number>} */
  all() {
    this.#write();
    const rows = this.sql.exec("SELECT name, value FROM counter ORDER BY name").toArray();
    return Object.fromEntries(rows.map(({ name, value }) => [String(name), Number(value)]));
  }
};
function countable(value) {
  return Number.isFinite(value) && value >= 0;
}

// components/edge/worker/src/leases.js
var Leases = class {
  /** @param {SqlStorage} sql */
  constructor(sql) {
    this.sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS lease
      (call TEXT PRIMARY KEY, fence INTEGER NOT NULL, expires INTEGER NOT NULL, kind TEXT NOT NULL, note TEXT NOT NULL)`);
    sql.exec("CREATE INDEX IF NOT EXISTS lease_expires ON lease (expires)");
    sql.exec("CREATE INDEX IF NOT EXISTS lease_kind ON lease (kind)");
    sql.exec("CREATE TABLE IF NOT EXISTS fence (last INTEGER NOT NULL)");
    sql.exec("INSERT INTO fence SELECT 0 WHERE NOT EXISTS (SELECT * FROM fence)");
  }
  /**
   * The call's lease, or null.
   *
   * @param {string} call
   * @param {number} now
   * @returns {Lease | null}
   */
  find(call, now) {
    const [found] = this.sql.exec("SELECT * FROM lease WHERE call = ? AND expires > ?", call, now);
    return found === void 0 ? null : lease(found);
  }
  /**
   * Give a call that holds none a lease; its fence, which is above all fences before it.
   *
   * @param {{ call: string, expires: number, kind: string, note: string }} wanted
   */
  insert({ call, expires, kind, note: note2 }) {
    const fence = Number(this.sql.exec("UPDATE fence SET last = last + 1 RETURNING last").one().last);
    this.sql.exec("INSERT INTO lease VALUES (?, ?, ?, ?, ?)", call, fence, expires, kind, note2);
    return fence;
  }
  /**
   * Whether the call still held the lease with this fence, and holds it until `expires` now.
   *
   * @param {string} call
   * @param {number} fence
   * @param {number} expires
   * @param {number} now
   */
  renew(call, fence, expires, now) {
    const sql = "UPDATE lease SET expires = ? WHERE call = ? AND fence = ? AND expires > ? RETURNING call";
    return this.sql.exec(sql, expires, call, fence, now).toArray().length > 0;
  }
  /**
   * End the lease with this fence; it, or null where it is gone. A newer lease of the same call stays.
   *
   * @param {string} call
   * @param {number} fence
   * @returns {Lease | null}
   */
  remove(call, fence) {
    const [gone] = this.sql.exec("DELETE FROM lease WHERE call = ? AND fence = ? RETURNING *", call, fence);
    return gone === void 0 ? null : lease(gone);
  }
  /**
   * Leases that stand, of one kind or of all.
   *
   * @param {number} now
   * @param {string} [kind]
   */
  held(now, kind) {
    const rows = kind === void 0 ? this.sql.exec("SELECT count(*) AS held FROM lease WHERE expires > ?", now) : this.sql.exec("SELECT count(*) AS held FROM lease WHERE kind = ? AND expires > ?", kind, now);
    return Number(rows.one().held);
  }
  /**
   * Leases that stand, by kind; those of no kind are left out.
   *
   * @param {number} now
   * @returns {Record<string, number>}
   */
  kinds(now) {
    const rows = this.sql.exec("SELECT kind, count(*) AS held FROM lease WHERE expires > ? AND kind <> '' GROUP BY kind", now).toArray();
    return Object.fromEntries(rows.map(({ kind, held: held2 }) => [String(kind), Number(held2)]));
  }
  /**
   * End what has expired; the leases that ended.
   *
   * No lease is given for longer than `longest` milliseconds. One that stands for longer was given by a clock that has been
   * put back since: it would hold its place until the clock is there again.
   *
   * @param {number} now
   * @param {number} longest
   * @returns {Lease[]}
   */
  sweep(now, longest) {
    this.sql.exec("UPDATE lease SET expires = ? WHERE expires > ?", now + longest, now + longest);
    return this.sql.exec("DELETE FROM lease WHERE expires <= ? RETURNING *", now).toArray().map(lease);
  }
  /** The next instant at which a lease expires, or null. */
  next() {
    const { next } = this.sql.exec("SELECT min(expires) AS next FROM lease").one();
    return next === null ? null : Number(next);
  }
};
function lease({ call, fence, kind, note: note2 }) {
  return { call: String(call), fence: Number(fence), kind: String(kind), note: String(note2) };
}

// components/edge/worker/src/gate.js
var TenantGate = class extends DurableObject {
  /**
   * @param {DurableObjectState} ctx
   * @param {PoolEnv} env
   */
  constructor(ctx, env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.leases = new Leases(sql);
    this.counters = new Counters(sql);
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
    else if (await this.ctx.storage.getAlarm() === null) await this.#sweepLater();
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
    const fence = this.leases.insert({ call, expires: now + seconds * 1e3, kind: reserved ? vertical : "", note: kept });
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
    const renewed2 = this.leases.renew(call, fence, now + seconds * 1e3, now);
    this.report(call, totals);
    return renewed2;
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
    const before = row === void 0 ? {} : JSON.parse(String(row.totals));
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
    for (const gone of this.leases.sweep(now, leaseSeconds * 1e3)) this.#end(gone);
    const { sql } = this.ctx.storage;
    sql.exec("DELETE FROM ended WHERE until <= ?", now);
    sql.exec("DELETE FROM reported WHERE at <= ? AND call NOT IN (SELECT call FROM lease)", now - reportedSeconds * 1e3);
  }
  async #sweepLater() {
    const { next } = this.ctx.storage.sql.exec("SELECT min(until) AS next FROM ended").one();
    const times = [this.leases.next(), next === null ? null : Number(next)].filter((time) => time !== null);
    if (times.length > 0) await this.ctx.storage.setAlarm(Math.min(...times));
  }
  /** @param {import("./leases.js").Lease} lease */
  #end(lease2) {
    const { until } = note(lease2);
    this.ctx.storage.sql.exec("INSERT INTO ended VALUES (?, ?) ON CONFLICT (call) DO UPDATE SET until = excluded.until", lease2.call, until);
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
    const before = row === void 0 ? { tokens: starts.burst, at: now } : { tokens: Number(row.tokens), at: Number(row.at) };
    const tokens = filled(before, starts, now);
    const started = tokens >= 1;
    if (started || before.at > now) {
      sql.exec("DELETE FROM bucket");
      sql.exec("INSERT INTO bucket VALUES (?, ?)", started ? tokens - 1 : tokens, now);
    }
    return started;
  }
};
function note(lease2) {
  return JSON.parse(lease2.note);
}

// components/edge/worker/src/pool.js
import { DurableObject as DurableObject2 } from "cloudflare:workers";

// components/edge/worker/src/shards.js
function verticalOf(shard) {
  return shard.slice(0, shard.lastIndexOf("#"));
}

// components/edge/worker/src/funds.js
var Funds = class {
  /** @param {SqlStorage} sql */
  constructor(sql) {
    this.sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS fund
      (part TEXT PRIMARY KEY, places INTEGER NOT NULL, until INTEGER NOT NULL, ordr INTEGER NOT NULL, tight INTEGER NOT NULL)`);
    sql.exec(`CREATE TABLE IF NOT EXISTS self
      (one INTEGER PRIMARY KEY CHECK (one = 1), vertical TEXT NOT NULL, shard TEXT NOT NULL, places TEXT NOT NULL)`);
  }
  /**
   * Who this shard is, and what its vertical has: as the last call that came said it. Throws where the call is of another vertical: the
   * shard would borrow from the wrong ledger for all its calls.
   *
   * @param {{ vertical: string, shard: string, places: VerticalPlaces }} self
   */
  know({ vertical, shard, places }) {
    if (verticalOf(shard) !== vertical) throw new Error(`${shard} counts no calls of ${vertical}`);
    const text2 = JSON.stringify(places);
    const known = this.sql.exec("SELECT 1 FROM self WHERE vertical = ? AND shard = ? AND places = ?", vertical, shard, text2).toArray();
    if (known.length === 0) this.sql.exec("INSERT OR REPLACE INTO self VALUES (1, ?, ?, ?)", vertical, shard, text2);
  }
  /** @returns {{ vertical: string, shard: string, places: VerticalPlaces } | null} */
  self() {
    const [row] = this.sql.exec("SELECT vertical, shard, places FROM self");
    return row === void 0 ? null : { vertical: String(row.vertical), shard: String(row.shard), places: JSON.parse(String(row.places)) };
  }
  /**
   * @param {Part} part
   * @returns {Fund}
   */
  of(part) {
    const [row] = this.sql.exec("SELECT places, until, ordr, tight FROM fund WHERE part = ?", part);
    if (row === void 0) return { places: 0, until: 0, order: 0, tight: false };
    return { places: Number(row.places), until: Number(row.until), order: Number(row.ordr), tight: row.tight === 1 };
  }
  /**
   * @param {Part} part
   * @param {Fund} fund
   */
  set(part, { places, until, order, tight }) {
    this.sql.exec("INSERT OR REPLACE INTO fund VALUES (?, ?, ?, ?, ?)", part, places, until, order, tight ? 1 : 0);
  }
};

// components/edge/worker/src/loans.js
var Loans = class {
  /** @param {SqlStorage} sql */
  constructor(sql) {
    this.sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS lent
      (shard TEXT NOT NULL, part TEXT NOT NULL, places INTEGER NOT NULL, used INTEGER NOT NULL, expires INTEGER NOT NULL,
       heard INTEGER NOT NULL, PRIMARY KEY (shard, part))`);
  }
  /**
   * Lend a shard what it needs as far as there is room, and a block beside where there is as much for every shard; null where a
   * newer message overtook this one.
   *
   * What the shard counts on stays its own: only itself gives it up, for it may give it to a call at this moment. So where
   * the vertical has fewer places than before, nothing more is lent, and calls run to their end.
   *
   * @param {LoanAsk} ask
   * @param {number} now
   * @returns {Loan | null}
   */
  lend({ shard, part, holds, used, need, block, order, limit, seconds }, now) {
    this.sql.exec("UPDATE lent SET expires = ? WHERE expires > ?", now + seconds * 1e3, now + seconds * 1e3);
    this.sql.exec("UPDATE lent SET places = 0, used = 0 WHERE expires <= ?", now);
    const rows = this.sql.exec("SELECT shard, places, heard FROM lent WHERE part = ?", part).toArray();
    const own = rows.find((row) => row.shard === shard);
    if (own !== void 0 && Number(own.heard) > order) return null;
    const lent = rows.reduce((sum, row) => sum + (row === own ? 0 : Number(row.places)), 0);
    const room = Math.max(0, limit - lent);
    const active = rows.filter((row) => row !== own && Number(row.places) > 0).length + 1;
    const plenty = room - need >= block * active;
    const kept = Math.min(holds, Number(own?.places ?? 0));
    const places = Math.max(kept, Math.min(plenty ? need + block : need, room));
    this.sql.exec(
      "INSERT OR REPLACE INTO lent VALUES (?, ?, ?, ?, ?, ?)",
      shard,
      part,
      places,
      Math.min(used, places),
      now + seconds * 1e3,
      order
    );
    return { places, plenty };
  }
  /**
   * Note what a shard gave back when it was asked to.
   *
   * @param {string} shard
   * @param {Part} part
   * @param {{ places: number, order: number }} left
   */
  settle(shard, part, { places, order }) {
    const sql = "UPDATE lent SET places = min(places, ?), used = min(places, ?), heard = ? WHERE shard = ? AND part = ? AND heard < ?";
    this.sql.exec(sql, places, places, order, shard, part, order);
  }
  /**
   * The other shards that have places beside those that calls hold, as far as they said.
   *
   * @param {string} shard
   * @param {Part} part
   */
  others(shard, part) {
    const sql = "SELECT shard FROM lent WHERE part = ? AND shard <> ? AND places > used ORDER BY places - used DESC";
    return this.sql.exec(sql, part, shard).toArray().map((row) => String(row.shard));
  }
  /**
   * What is lent and what of it is used, as far as the shards said, by part.
   *
   * @param {number} now
   * @returns {Record<string, { lent: number, used: number }>}
   */
  all(now) {
    const sql = "SELECT part, sum(places) AS lent, sum(used) AS used FROM lent WHERE expires > ? GROUP BY part";
    const rows = this.sql.exec(sql, now).toArray();
    return Object.fromEntries(rows.map(({ part, lent, used }) => [String(part), { lent: Number(lent), used: Number(used) }]));
  }
};

// components/edge/worker/src/pool.js
var PARTS = ["reserved", "shared"];
var Pool = class extends DurableObject2 {
  /** @type {Partial<Record<Part, Promise<Answer>>>} */
  #asking = {};
  /** @type {Set<Part>} */
  #returning = /* @__PURE__ */ new Set();
  /** @type {Record<Part, number>} */
  #waiting = { reserved: 0, shared: 0 };
  /**
   * @param {DurableObjectState} ctx
   * @param {PoolEnv} env
   */
  constructor(ctx, env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.leases = new Leases(sql);
    this.funds = new Funds(sql);
    this.loans = new Loans(sql);
  }
  /**
   * Of a shard: a place for the call. A call that holds one has it already, with the same fence.
   *
   * @param {PoolAsk} ask
   * @returns {Promise<{ fence: number } | { refused: "pool" }>}
   */
  async take(ask) {
    this.funds.know(ask);
    if (await this.ctx.storage.getAlarm() === null) await this.#wakeLater();
    for (const part of ask.reserved ? PARTS : PARTS.slice(1)) {
      const fence = this.admit(ask, part, Date.now()) ?? await this.#wait(ask, part);
      if (fence !== null) {
        this.#restock(part, ask.places);
        return { fence };
      }
    }
    return { refused: "pool" };
  }
  /**
   * The one step from counting to inserting: nothing is awaited in it. The fence, or null where the shard has no place.
   *
   * @param {PoolAsk} ask
   * @param {Part} part
   * @param {number} now
   */
  admit({ call, seconds }, part, now) {
    this.#sweep(now);
    const running = this.leases.find(call, now);
    if (running !== null) return running.fence;
    const fund = this.#fund(part);
    const expires = now + seconds * 1e3;
    if (fund.until < expires || this.leases.held(now, part) >= fund.places) return null;
    return this.leases.insert({ call, expires, kind: part, note: "" });
  }
  /**
   * Of a shard: whether the call still held its place, and holds it for the next `seconds`. Throws where the ledger does not
   * answer: nobody knows then.
   *
   * @param {string} call
   * @param {number} fence
   * @param {number} seconds
   */
  async renew(call, fence, seconds) {
    const lease2 = this.leases.find(call, Date.now());
    if (lease2 === null || lease2.fence !== fence) return false;
    const part = partOf(lease2);
    if (this.#fund(part).until < Date.now() + seconds * 1e3) await this.#more(part);
    const now = Date.now();
    const { places, until } = this.#fund(part);
    if (until < now + seconds * 1e3) throw new Error("the ledger lends the place no longer");
    if (this.leases.held(now, part) > places) {
      this.leases.remove(call, fence);
      return false;
    }
    return this.leases.renew(call, fence, now + seconds * 1e3, now);
  }
  /**
   * Of a shard: the call holds its place no longer.
   *
   * @param {string} call
   * @param {number} fence
   */
  release(call, fence) {
    const gone = this.leases.remove(call, fence);
    if (gone !== null && this.funds.of(partOf(gone)).tight) this.#later(this.#giveBack(partOf(gone)));
  }
  /**
   * Of a shard, by the ledger: give back what no call holds.
   *
   * @param {Part} part
   */
  recall(part) {
    const now = Date.now();
    this.#sweep(now);
    const fund = this.funds.of(part);
    const left = { places: Math.min(fund.places, this.leases.held(now, part)), order: fund.order + 1 };
    this.funds.set(part, { ...fund, ...left, tight: true });
    return left;
  }
  /**
   * Of the ledger, by a shard: lend it places. Where there are none, shards that have some beside give them back first.
   *
   * @param {import("./loans.js").LoanAsk} ask
   * @returns {Promise<import("./loans.js").Loan | null>}
   */
  async lend(ask) {
    const tried = /* @__PURE__ */ new Set();
    for (; ; ) {
      const loan = this.loans.lend(ask, Date.now());
      if (loan === null || loan.places >= ask.need) return loan;
      const other = this.loans.others(ask.shard, ask.part).find((name) => !tried.has(name));
      if (other === void 0) return loan;
      tried.add(other);
      try {
        this.loans.settle(other, ask.part, await this.#object(other).recall(ask.part));
      } catch (error) {
        console.error(JSON.stringify({ event: "no recall", shard: other, error: String(error) }));
      }
    }
  }
  /** What is lent and used, of the ledger; what calls hold, of a shard. */
  status() {
    const now = Date.now();
    return { held: this.leases.held(now), parts: this.loans.all(now) };
  }
  /** Of a shard: end leases that are over, renew loans, give back what is beside and not used. */
  async alarm() {
    const now = Date.now();
    this.#sweep(now);
    const half = this.env.SETTINGS.loanSeconds * 500;
    for (const part of PARTS) {
      const { places, until, tight } = this.#fund(part);
      if (places > 0 && (until - now < half || tight || this.leases.held(now, part) === 0)) this.#later(this.#more(part));
    }
    if (PARTS.some((part) => this.funds.of(part).places > 0) || this.leases.held(now) > 0) await this.#wakeLater();
  }
  async #wakeLater() {
    await this.ctx.storage.setAlarm(Date.now() + this.env.SETTINGS.heartbeatSeconds * 1e3);
  }
  /** @param {number} now */
  #sweep(now) {
    this.leases.sweep(now, this.env.SETTINGS.leaseSeconds * 1e3);
  }
  /**
   * A place for the call once the ledger has lent one, or null where it has none.
   *
   * @param {PoolAsk} ask
   * @param {Part} part
   * @returns {Promise<number | null>}
   */
  async #wait(ask, part) {
    if (ask.places[part] === 0) return null;
    this.#waiting[part] += 1;
    try {
      while (await this.#more(part) !== "full") {
        const fence = this.admit(ask, part, Date.now());
        if (fence !== null) return fence;
      }
      return null;
    } finally {
      this.#waiting[part] -= 1;
    }
  }
  /**
   * Borrow ahead, so that the next call finds a place here.
   *
   * @param {Part} part
   * @param {VerticalPlaces} places
   */
  #restock(part, { block }) {
    const { places, tight } = this.funds.of(part);
    if (!tight && places - this.leases.held(Date.now(), part) < block / 2) this.#later(this.#more(part));
  }
  /**
   * Give back what no call holds or waits for, while others find none.
   *
   * @param {Part} part
   */
  async #giveBack(part) {
    if (this.#returning.has(part)) return;
    this.#returning.add(part);
    try {
      let fund;
      do {
        await this.#more(part);
        fund = this.funds.of(part);
      } while (fund.tight && fund.places > this.leases.held(Date.now(), part) + this.#waiting[part]);
    } finally {
      this.#returning.delete(part);
    }
  }
  /** @param {Promise<unknown>} work that nobody waits for */
  #later(work) {
    this.ctx.waitUntil(work.catch((error) => console.error(JSON.stringify({ event: "no loan", error: String(error) }))));
  }
  /**
   * Ask the ledger, once for all that want to know at this moment.
   *
   * @param {Part} part
   */
  #more(part) {
    return this.#asking[part] ??= this.#borrow(part).finally(() => {
      delete this.#asking[part];
    });
  }
  /**
   * Renew the loan for what calls hold and wait for, and a block beside.
   *
   * @param {Part} part
   * @returns {Promise<Answer>}
   */
  async #borrow(part) {
    const self = this.funds.self();
    if (self === null) return "full";
    const { loanSeconds: seconds } = this.env.SETTINGS;
    for (; ; ) {
      const sent = Date.now();
      const used = this.leases.held(sent, part);
      const waiting = this.#waiting[part];
      const before = this.funds.of(part);
      const need = used + waiting;
      const block = need === 0 ? 0 : self.places.block;
      const order = before.order + 1;
      const holds = Math.min(before.places, before.tight ? need : need + block);
      this.funds.set(part, { ...before, places: holds, order });
      const loan = await this.#object(self.vertical).lend({
        shard: self.shard,
        part,
        holds,
        used,
        need,
        block,
        order,
        limit: self.places[part],
        seconds
      });
      if (loan === null || this.funds.of(part).order !== order) continue;
      this.funds.set(part, { places: loan.places, until: sent + seconds * 1e3, order, tight: !loan.plenty });
      if (loan.places > this.leases.held(Date.now(), part)) return "room";
      return waiting > 0 ? "full" : "unasked";
    }
  }
  /**
   * A loan as it may be counted on. One that stands for longer than any was noted by a clock that has been put back since: nobody
   * knows how long the ledger still keeps to it.
   *
   * @param {Part} part
   */
  #fund(part) {
    const fund = this.funds.of(part);
    return fund.until > Date.now() + this.env.SETTINGS.loanSeconds * 1e3 ? { ...fund, until: 0 } : fund;
  }
  /** @param {string} name */
  #object(name) {
    return this.env.POOL.get(this.env.POOL.idFromName(name));
  }
};
function partOf(lease2) {
  return lease2.kind === "reserved" ? "reserved" : "shared";
}

// components/edge/worker/src/session.js
import { DurableObject as DurableObject3 } from "cloudflare:workers";

// components/edge/worker/src/session/call.js
function callOf(headers) {
  const number = (name) => {
    const value = Number(given(headers, name));
    if (!Number.isSafeInteger(value)) throw new TypeError(`the router gave no number as headroom-${name}`);
    return value;
  };
  return {
    id: given(headers, "call"),
    tenant: given(headers, "tenant"),
    plan: given(headers, "plan"),
    vertical: given(headers, "vertical"),
    gateFence: number("gate-fence"),
    shard: given(headers, "shard"),
    shardFence: number("shard-fence"),
    leasedAt: number("leased-at")
  };
}
function given(headers, name) {
  const value = headers.get(`headroom-${name}`);
  if (value === null) throw new TypeError(`the router gave no headroom-${name}`);
  return value;
}

// components/edge/worker/src/session/codes.js
var NORMAL = 1e3;
var GOING_ON_ELSEWHERE = 1001;
var REFUSED = 1008;
var TOO_BIG = 1009;
var FAILED = 1011;
var RESTARTED = 1012;
var TRY_LATER = 1013;
var NO_CODE = 1005;
var BROKEN = 1006;
var LONGEST_REASON = 123;
function hungUp(code) {
  return code === NORMAL || code === NO_CODE;
}
function sendable(code) {
  if (code === NO_CODE) return NORMAL;
  return code >= 1e3 && code <= 1014 && code !== 1004 && code !== BROKEN || code >= 3e3 && code <= 4999 ? code : RESTARTED;
}
function closed(socket, code, reason) {
  try {
    socket.close(sendable(code), new TextDecoder().decode(new TextEncoder().encode(reason).slice(0, LONGEST_REASON), { stream: true }));
  } catch {
  }
}

// components/edge/worker/src/session/room.js
var Room = class {
  #free = 0;
  /** @param {number} bytes that may wait */
  constructor(bytes) {
    this.bytes = bytes;
  }
  /**
   * Whether a frame may be sent now; it is counted as sent.
   *
   * A runtime that does not tell how much waits keeps nobody from sending: its answer is not a number, and no number is below 0.
   *
   * @param {WebSocket} socket always the same one
   * @param {number} size
   */
  takes(socket, size2) {
    if (!(size2 <= this.#free)) this.#free = this.bytes - socket.bufferedAmount;
    this.#free -= size2;
    return !(this.#free < 0);
  }
};

// components/edge/worker/src/session/client.js
var Client = class {
  /** @type {WebSocket | null} */
  #socket = null;
  #room = new Room(0);
  /** @type {(string | ArrayBuffer)[]} */
  #held = [];
  #heldBytes = 0;
  #missed = 0;
  /**
   * @param {number} bytes
   * @param {() => void} cut is told that the client was let go, for it did not read
   */
  constructor(bytes, cut) {
    this.bytes = bytes;
    this.cut = cut;
  }
  /** @param {WebSocket} socket that is the call's from now on */
  attach(socket) {
    this.#socket = socket;
    this.#room = new Room(this.bytes);
  }
  /** @param {WebSocket} socket */
  is(socket) {
    return this.#socket === socket;
  }
  /** Whether nobody is there. */
  get away() {
    return this.#socket === null;
  }
  /**
   * Let go of whoever is there; what comes from now on is held.
   *
   * @param {number} code
   * @param {string} reason
   */
  close(code, reason) {
    if (this.#socket !== null) closed(this.#socket, code, reason);
    this.#socket = null;
  }
  /**
   * Send what came while nobody was there, after `greeting`, which is told how many frames did not fit.
   *
   * What is held is bounded, and so is a greeting: they are sent however much waits.
   *
   * @param {(missed: number) => unknown} greeting
   */
  greet(greeting) {
    const [held2, missed] = [this.#held, this.#missed];
    this.#held = [];
    this.#heldBytes = this.#missed = 0;
    for (const frame of [JSON.stringify(greeting(missed)), ...held2]) this.#sent(frame);
  }
  /** @param {string | ArrayBuffer} frame */
  send(frame) {
    const socket = this.#socket;
    if (socket === null || this.#room.takes(socket, size(frame))) return this.#sent(frame);
    this.close(TRY_LATER, "too much waits to be read; resume the call");
    this.#hold(frame);
    this.cut();
  }
  /** @param {string | ArrayBuffer} frame */
  #sent(frame) {
    try {
      if (this.#socket === null) this.#hold(frame);
      else this.#socket.send(frame);
    } catch {
      this.#hold(frame);
    }
  }
  /** @param {string | ArrayBuffer} frame */
  #hold(frame) {
    this.#held.push(frame);
    this.#heldBytes += size(frame);
    while (this.#heldBytes > this.bytes) {
      this.#heldBytes -= size(
        /** @type {string | ArrayBuffer} */
        this.#held.shift()
      );
      this.#missed += 1;
    }
  }
};
function size(frame) {
  return typeof frame === "string" ? frame.length : frame.byteLength;
}

// components/edge/worker/src/session/connect.js
async function connected(url, headers, seconds) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), seconds * 1e3);
  try {
    const { webSocket, status } = await fetch(url, { headers: { Upgrade: "websocket", ...headers }, signal: late.signal });
    if (webSocket === null) console.error(JSON.stringify({ event: "no upstream", status }));
    if (webSocket !== null) {
      webSocket.binaryType = "arraybuffer";
      webSocket.accept();
    }
    return webSocket;
  } catch (error) {
    console.error(JSON.stringify({ event: "no upstream", error: String(error) }));
    return null;
  } finally {
    clearTimeout(timer);
  }
}

// components/edge/worker/src/session/protocol.js
function parse(frame) {
  if (typeof frame !== "string") return null;
  try {
    const event = object(JSON.parse(frame));
    return event !== null && typeof event.type === "string" ? (
      /** @type {RealtimeEvent} */
      event
    ) : null;
  } catch {
    return null;
  }
}
function object(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (
    /** @type {Record<string, unknown>} */
    value
  ) : null;
}
function text(value) {
  return typeof value === "string" ? value : null;
}
function amount(value) {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : 0;
}
function audioBytes(audio) {
  if (typeof audio !== "string" || audio.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(audio)) return null;
  return audio.length / 4 * 3 - (audio.endsWith("==") ? 2 : audio.endsWith("=") ? 1 : 0);
}
function joined(parts) {
  const { length } = parts;
  if (parts.every((part, index) => index === length - 1 || !part.endsWith("="))) return parts.join("");
  return btoa(parts.map((part) => atob(part)).join(""));
}
function tokensOf(usage) {
  const said = object(usage);
  if (said === null) return null;
  return {
    input: amount(said.input_tokens),
    cached: amount(object(said.input_token_details)?.cached_tokens),
    output: amount(said.output_tokens)
  };
}
var CONFIGURATION_DEPTH = 4;
function merged(before, update, depth = CONFIGURATION_DEPTH) {
  const after = new Map(Object.entries(before));
  for (const [key, value] of Object.entries(update)) {
    const [old, young] = [object(after.get(key)), object(value)];
    after.set(key, old !== null && young !== null && depth > 1 ? merged(old, young, depth - 1) : value);
  }
  return Object.fromEntries(after);
}
function bytesPerMillisecond(session) {
  const type = text(object(object(object(session.audio)?.input)?.format)?.type);
  return type === "audio/pcmu" || type === "audio/pcma" ? 8 : 48;
}
function turnDetection(session) {
  const input = object(object(session.audio)?.input);
  const detection = input !== null && "turn_detection" in input ? input.turn_detection : {};
  return { detects: detection !== null, answers: detection !== null && object(detection)?.create_response !== false };
}
function complaint(code, message) {
  return JSON.stringify({ type: "error", error: { type: "invalid_request_error", code, message } });
}

// components/edge/worker/src/session/heard.js
var Heard = class {
  /** @type {{ audio: string, bytes: number, end: number }[]} */
  #open = [];
  /** @type {Map<string, { audio: string, bytes: number, end: number }[]>} */
  #turns = /* @__PURE__ */ new Map();
  /** Bytes that this upstream was sent, and up to where the turn that it found goes. */
  #sent = 0;
  #turnEnd = Infinity;
  #kept = 0;
  /** @param {number} bytes that are kept; beyond them the oldest go */
  constructor(bytes) {
    this.bytes = bytes;
  }
  /** @param {string} audio in base64 */
  append(audio) {
    const bytes = audioBytes(audio) ?? 0;
    this.#sent += bytes;
    this.#kept += bytes;
    this.#open.push({ audio, bytes, end: this.#sent });
    while (this.#kept > this.bytes) this.#dropOldest();
  }
  /**
   * Nobody speaks: only the last instants are kept.
   *
   * @param {number} bytes
   */
  quiet(bytes) {
    while (this.#open[0] !== void 0 && this.#open[0].end <= this.#sent - bytes) this.#kept -= this.#open.shift()?.bytes ?? 0;
  }
  /**
   * The model found a turn's beginning or end, in bytes of what it was sent.
   *
   * @param {number} bytes
   */
  turnBegan(bytes) {
    while (this.#open[0] !== void 0 && this.#open[0].end <= bytes) this.#kept -= this.#open.shift()?.bytes ?? 0;
    this.#turnEnd = Infinity;
  }
  /** @param {number} bytes */
  turnEnded(bytes) {
    this.#turnEnd = bytes;
  }
  /**
   * The turn became an item of the conversation; what was said after it is the next one's.
   *
   * @param {string} item
   */
  committed(item) {
    const next = this.#open.findIndex(({ end, bytes }) => end - bytes >= this.#turnEnd);
    this.#turns.set(item, this.#open.splice(0, next === -1 ? this.#open.length : next));
    this.#turnEnd = Infinity;
  }
  /**
   * The turn is written down, or gone.
   *
   * @param {string} item
   */
  settled(item) {
    for (const { bytes } of this.#turns.get(item) ?? []) this.#kept -= bytes;
    this.#turns.delete(item);
  }
  cleared() {
    for (const { bytes } of this.#open) this.#kept -= bytes;
    this.#open = [];
    this.#turnEnd = Infinity;
  }
  /**
   * What is kept of a turn; null where it is nothing.
   *
   * @param {string} item
   */
  turn(item) {
    const chunks = this.#turns.get(item) ?? [];
    return chunks.length === 0 ? null : joined(chunks.map(({ audio }) => audio));
  }
  /** What was said since the last turn; a new upstream is sent it first, and counts from its beginning. */
  retold() {
    this.#sent = 0;
    this.#turnEnd = Infinity;
    this.#open = this.#open.map((chunk) => ({ ...chunk, end: this.#sent += chunk.bytes }));
    return this.#open.length === 0 ? null : joined(this.#open.map(({ audio }) => audio));
  }
  #dropOldest() {
    const [[item, chunks] = []] = this.#turns;
    const oldest = chunks ?? this.#open;
    this.#kept -= oldest.shift()?.bytes ?? 0;
    if (item !== void 0 && oldest.length === 0) this.#turns.delete(item);
  }
};

// components/edge/worker/src/session/transcript.js
var Transcript = class {
  #sql;
  /**
   * @param {SqlStorage} sql
   * @param {number} bytes
   */
  constructor(sql, bytes) {
    this.#sql = sql;
    this.bytes = bytes;
  }
  /**
   * Add an item, or what is known of it by now. An item keeps its place.
   *
   * @param {Item} item
   */
  put(item) {
    const known = this.get(item.id);
    const body = JSON.stringify(withoutAudio(known === null ? item : withWords(item, known)));
    if (known === null) this.#sql.exec("INSERT INTO item (id, body) VALUES (?, ?)", item.id, body);
    else this.#sql.exec("UPDATE item SET body = ? WHERE id = ?", body, item.id);
    this.#sql.exec(
      `DELETE FROM item WHERE position <= (SELECT max(position) FROM
       (SELECT position, sum(length(CAST(body AS BLOB))) OVER (ORDER BY position DESC) AS newer FROM item) WHERE newer > ?)`,
      this.bytes
    );
  }
  /**
   * @param {string} id
   * @returns {Item | null}
   */
  get(id) {
    const [row] = this.#sql.exec("SELECT body FROM item WHERE id = ?", id).toArray();
    return row === void 0 ? null : JSON.parse(String(row.body));
  }
  /** @param {string} id */
  delete(id) {
    this.#sql.exec("DELETE FROM item WHERE id = ?", id);
  }
  /**
   * What a part of an item says, written down.
   *
   * @param {string} id
   * @param {number} index
   * @param {string} words
   */
  heard(id, index, words) {
    const item = this.get(id);
    const parts = item === null ? [] : contentOf(item);
    if (item === null || parts[index] === void 0) return;
    this.put({ ...item, content: parts.map((part, place) => place === index ? { ...part, transcript: words } : part) });
  }
  /**
   * Every item after a position, with its own.
   *
   * @param {number} position
   */
  after(position) {
    const rows = this.#sql.exec("SELECT position, body FROM item WHERE position > ? ORDER BY position", position).toArray();
    return rows.map((row) => ({ position: Number(row.position), item: (
      /** @type {Item} */
      JSON.parse(String(row.body))
    ) }));
  }
  /** That of the last item; 0 before the first. */
  get position() {
    return Number(this.#sql.exec("SELECT max(position) AS last FROM item").one().last ?? 0);
  }
};
function contentOf(item) {
  return Array.isArray(item.content) ? item.content.map((part) => object(part) ?? {}) : [];
}
function retold(item, audio) {
  const { id, type, role, status } = item;
  if (type === "function_call" && (status === "in_progress" || status === "incomplete")) return null;
  if (type === "function_call") return { id, type, call_id: item.call_id, name: item.name, arguments: item.arguments };
  if (type === "function_call_output") return { id, type, call_id: item.call_id, output: item.output };
  if (type !== "message") return null;
  if (role === "assistant" && status === "in_progress") return null;
  const said = role === "assistant" ? "output_text" : "input_text";
  const content = contentOf(item).flatMap((part) => {
    if (part.type === "input_image") return [part];
    const words = text(part.text) ?? text(part.transcript);
    if (words !== null) return words === "" ? [] : [{ type: said, text: words }];
    return part.type === "input_audio" && audio !== null ? [{ type: "input_audio", audio }] : [];
  });
  return content.length === 0 ? null : { id, type, role, content };
}
function withoutAudio(item) {
  return "content" in item ? { ...item, content: contentOf(item).map(({ audio, ...part }) => part) } : item;
}
function withWords(item, known) {
  if (!("content" in item)) return item;
  const before = contentOf(known);
  const content = contentOf(item).map((part, index) => {
    const words = text(part.transcript) ?? text(before[index]?.transcript);
    return words === null ? part : { ...part, transcript: words };
  });
  return { ...item, content };
}

// components/edge/worker/src/session/conversation.js
var BYTES_PER_MILLISECOND_OUT = 48;
var SOUND = /* @__PURE__ */ new Set(["response.output_audio.delta", "response.audio.delta"]);
var WORDS = /* @__PURE__ */ new Set([
  "response.output_text.delta",
  "response.text.delta",
  "response.output_audio_transcript.delta",
  "response.audio_transcript.delta",
  "response.function_call_arguments.delta"
]);
var Conversation = class {
  /** What an upstream was asked for and did not answer yet. */
  #unanswered = {
    /** @type {RealtimeEvent[]} */
    updates: [],
    /** By the item's id. @type {Map<string, RealtimeEvent>} */
    items: /* @__PURE__ */ new Map(),
    /** @type {RealtimeEvent | null} */
    commit: null
  };
  /** The answer that is owed: how it was asked for; null where none is. @type {RealtimeEvent | null} */
  #owed = null;
  /** @type {Set<string>} */
  #responses = /* @__PURE__ */ new Set();
  #speaking = false;
  /** How much sound of an item the client was sent, in milliseconds. @type {Map<string, number>} */
  #played = /* @__PURE__ */ new Map();
  #heard;
  /**
   * @param {import("./transcript.js").Transcript} transcript
   * @param {Record<string, unknown>} session what was configured so far
   * @param {{ audioBytes: number, quietSeconds: number }} settings
   */
  constructor(transcript, session, settings) {
    this.transcript = transcript;
    this.session = session;
    this.settings = settings;
    this.#heard = new Heard(settings.audioBytes);
  }
  /** Whether nobody speaks, answers, or waits for an answer. */
  get idle() {
    const { updates, items, commit } = this.#unanswered;
    return !this.#speaking && commit === null && this.#owed === null && this.#responses.size === 0 && updates.length === 0 && items.size === 0;
  }
  /** Answers that a loss of the upstream now breaks off. */
  get interrupted() {
    return [...this.#responses];
  }
  /** @param {string} audio in base64 */
  append(audio) {
    this.#heard.append(audio);
    if (!this.#speaking && turnDetection(this.session).detects) {
      this.#heard.quiet(this.settings.quietSeconds * 1e3 * bytesPerMillisecond(this.session));
    }
  }
  /**
   * Whether the event is a request that is kept until it is answered, and put again to an upstream that takes over.
   *
   * @param {RealtimeEvent} event that the client sends, `identified`
   */
  fromClient(event) {
    switch (event.type) {
      case "session.update":
        this.#unanswered.updates.push(event);
        return true;
      case "conversation.item.create":
        this.#unanswered.items.set(itemOf(event.item)?.id ?? "", event);
        return true;
      case "input_audio_buffer.commit":
        this.#unanswered.commit = event;
        return true;
      case "response.create":
        this.#owed = event;
        return true;
      case "input_audio_buffer.clear":
        this.#heard.cleared();
        this.#speaking = false;
        return false;
      default:
        return false;
    }
  }
  /** @param {RealtimeEvent} event */
  fromUpstream(event) {
    const { updates, items, commit } = this.#unanswered;
    const id = text(event.item_id);
    switch (event.type) {
      case "session.updated":
        this.session = merged(this.session, object(updates.shift()?.session) ?? {});
        break;
      case "input_audio_buffer.speech_started":
        this.#speaking = true;
        this.#heard.turnBegan(amount(event.audio_start_ms) * bytesPerMillisecond(this.session));
        break;
      case "input_audio_buffer.speech_stopped":
        this.#heard.turnEnded(amount(event.audio_end_ms) * bytesPerMillisecond(this.session));
        break;
      case "input_audio_buffer.committed":
        if (id !== null) this.#heard.committed(id);
        if (commit === null && turnDetection(this.session).answers) this.#owed ??= { type: "response.create" };
        this.#unanswered.commit = null;
        this.#speaking = false;
        break;
      case "conversation.item.created":
      case "conversation.item.added":
      case "conversation.item.done":
      case "response.output_item.done": {
        const item = itemOf(event.item);
        if (item === null) break;
        items.delete(item.id);
        this.transcript.put(item);
        break;
      }
      case "conversation.item.input_audio_transcription.completed":
        if (id !== null) {
          this.transcript.heard(id, amount(event.content_index), text(event.transcript) ?? "");
          this.#heard.settled(id);
        }
        break;
      case "conversation.item.truncated":
        if (id !== null) this.#truncated(id, amount(event.content_index), amount(event.audio_end_ms));
        break;
      case "conversation.item.deleted":
        if (id !== null) {
          this.transcript.delete(id);
          this.#heard.settled(id);
        }
        break;
      case "response.created":
        this.#responses.add(responseOf(event));
        this.#owed = null;
        break;
      case "response.done":
        this.#responses.delete(responseOf(event));
        break;
      case "error":
        this.#refused(object(event.error));
        break;
      default:
        if (SOUND.has(event.type) && id !== null) {
          const bytes = String(event.delta ?? "").length / 4 * 3;
          this.#played.set(id, (this.#played.get(id) ?? 0) + bytes / BYTES_PER_MILLISECOND_OUT);
        }
    }
  }
  /**
   * What a new upstream is sent, after its configuration, to be where this one is: every item, what is being said, and what is owed.
   *
   * Requests that this upstream did not answer are put again; an answer that was broken off is asked for again.
   *
   * @returns {RealtimeEvent[]}
   */
  retold() {
    const { updates, items, commit } = this.#unanswered;
    const stored = this.transcript.after(0).map(({ item }) => item);
    for (const { id, status } of stored) if (status === "in_progress") this.transcript.delete(id);
    const told = stored.map((item) => retold(item, this.#heard.turn(item.id))).filter((item) => item !== null);
    const open = this.#heard.retold();
    if (this.#responses.size > 0) this.#owed ??= { type: "response.create" };
    this.#responses.clear();
    this.#speaking = false;
    return [
      ...updates,
      ...told.map((item) => ({ type: "conversation.item.create", item })),
      ...items.values(),
      ...open === null ? [] : [{ type: "input_audio_buffer.append", audio: open }],
      ...commit === null ? [] : [commit],
      ...this.#owed === null ? [] : [this.#owed]
    ];
  }
  /**
   * What was not heard is not said: the model forgets it, and so does whoever takes over. Words are taken to be spread evenly.
   *
   * @param {string} id
   * @param {number} index
   * @param {number} milliseconds
   */
  #truncated(id, index, milliseconds) {
    const item = this.transcript.get(id);
    const words = item === null ? null : text(contentOf(item)[index]?.transcript);
    const played = this.#played.get(id);
    if (words === null || played === void 0 || played <= milliseconds) return;
    this.transcript.heard(id, index, words.slice(0, Math.floor(words.length * milliseconds / played)));
  }
  /**
   * An upstream that refuses a request will not answer it.
   *
   * @param {Record<string, unknown> | null} error
   */
  #refused(error) {
    const { updates, items, commit } = this.#unanswered;
    const id = text(error?.event_id);
    if (id === null) return;
    this.#unanswered.updates = updates.filter((update) => update.event_id !== id);
    for (const [item, request] of items) if (request.event_id === id) items.delete(item);
    if (commit?.event_id === id) this.#unanswered.commit = null;
    if (this.#owed?.event_id === id) this.#owed = null;
  }
};
var REQUESTS = /* @__PURE__ */ new Set(["session.update", "conversation.item.create", "input_audio_buffer.commit", "response.create"]);
function identified(event, newId2) {
  if (!REQUESTS.has(event.type)) return event;
  const named = { ...event, event_id: text(event.event_id) ?? newId2() };
  const item = object(event.item);
  return event.type === "conversation.item.create" ? { ...named, item: { ...item, id: text(item?.id) ?? newId2() } } : named;
}
function answerOf(event) {
  return SOUND.has(event.type) ? "sound" : WORDS.has(event.type) ? "words" : null;
}
function responseOf(event) {
  return text(object(event.response)?.id) ?? "";
}
function itemOf(value) {
  const item = object(value);
  return item !== null && typeof item.id === "string" && typeof item.type === "string" ? (
    /** @type {Item} */
    item
  ) : null;
}

// components/edge/worker/src/session/latency.js
function noLatencies(buckets) {
  const none = () => ({ counts: new Array(buckets + 1).fill(0), sum: 0 });
  return { firstToken: none(), firstAudio: none() };
}
function counted(histogram, buckets, milliseconds) {
  if (milliseconds === null) return histogram;
  const found = buckets.findIndex((bound) => milliseconds <= bound);
  const place = found === -1 ? buckets.length : found;
  return {
    counts: histogram.counts.map((count, index) => index === place ? count + 1 : count),
    sum: histogram.sum + milliseconds
  };
}
function counters(family, { counts, sum }, buckets) {
  const bounds = [...buckets.map((milliseconds) => milliseconds / 1e3), "+Inf"];
  let below = 0;
  const named = counts.map((count, index) => [`${family}_bucket:${bounds[index]}`, below += count]);
  return { ...Object.fromEntries(named), [`${family}_sum`]: sum / 1e3, [`${family}_count`]: below };
}
var TurnTimer = class {
  /** @type {number | null} */
  #ended = null;
  #token = false;
  #sound = false;
  /**
   * The caller's turn ended, or the client asked for an answer: the last of these counts.
   *
   * @param {number} now
   */
  turnEnded(now) {
    this.#ended = now;
    this.#token = this.#sound = false;
  }
  /**
   * What a part of an answer settles: the first token's latency, the first sound's, both or neither.
   *
   * @param {boolean} sound
   * @param {number} now
   */
  answered(sound, now) {
    if (this.#ended === null) return { firstToken: null, firstAudio: null };
    const firstToken = this.#token ? null : now - this.#ended;
    const firstAudio = sound && !this.#sound ? now - this.#ended : null;
    this.#token = true;
    this.#sound ||= sound;
    return { firstToken, firstAudio };
  }
  /** The answer is over; what follows without a new turn is not timed. */
  done() {
    this.#ended = null;
  }
};

// components/edge/worker/src/session/places.js
async function renewed(env, call, seconds, counts) {
  const { gate, pool, place } = objects(env, call);
  const answers = await Promise.allSettled([
    gate.renew(call.id, call.gateFence, seconds, counts),
    pool.renew(place, call.shardFence, seconds)
  ]);
  if (answers.some((answer) => answer.status === "fulfilled" && !answer.value)) return "gone";
  const failed = answers.filter((answer) => answer.status === "rejected");
  for (const { reason } of failed) console.error(JSON.stringify({ event: "renewal failed", call: call.id, error: String(reason) }));
  return failed.length === 0 ? "stand" : "unknown";
}
async function released(env, call, counts) {
  const { gate, pool, place } = objects(env, call);
  await Promise.all([gate.release(call.id, call.gateFence, counts), pool.release(place, call.shardFence)]);
}
function objects({ TENANT_GATE, POOL }, { tenant, id, shard }) {
  return {
    gate: TENANT_GATE.get(TENANT_GATE.idFromName(tenant)),
    pool: POOL.get(POOL.idFromName(shard)),
    // In a pool two tenants may have calls of one name.
    place: `${tenant}/${id}`
  };
}

// components/edge/worker/src/session/batch.js
var Batch = class {
  /** @type {Part[]} */
  #parts = [];
  /** @type {ReturnType<typeof setTimeout> | null} */
  #timer = null;
  /**
   * @param {number} milliseconds of a window; 0: nothing waits
   * @param {(parts: Part[]) => void} send is given at least one part
   */
  constructor(milliseconds, send) {
    this.milliseconds = milliseconds;
    this.send = send;
  }
  /** @param {Part} part */
  add(part) {
    if (this.milliseconds === 0) return this.send([part]);
    this.#parts.push(part);
    this.#timer ??= setTimeout(() => this.flush(), this.milliseconds);
  }
  /** Send what waits, now: whatever follows it must not overtake it. */
  flush() {
    const parts = this.drop();
    if (parts.length > 0) this.send(parts);
  }
  /** Forget what waits, and return it. */
  drop() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }
};
function concatenated(parts) {
  const [only] = parts;
  if (only !== void 0 && parts.length === 1) return only;
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.byteLength, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(new Uint8Array(part), end);
    end += part.byteLength;
  }
  return whole.buffer;
}

// components/edge/worker/src/session/realtime.js
var SESSION_EXPIRED = "session_expired";
var ADDED = /* @__PURE__ */ new Set(["conversation.item.added", "conversation.item.created", "conversation.item.done"]);
var Realtime = class {
  /** @type {WebSocket | null} */
  #current = null;
  #room = new Room(0);
  /** @type {Opened | null} */
  #next = null;
  /** What the client sends while no upstream is there, and that nothing else keeps. @type {string[]} */
  #waiting = [];
  /** How much the client has sent since no upstream is there, sound apart. */
  #sentAway = 0;
  /** Items that the current upstream was told of by us: its word of them is none for the client. @type {Set<string>} */
  #told = /* @__PURE__ */ new Set();
  /** Updates of the session that are ours. */
  #ownUpdates = 0;
  #tookOver = 0;
  #recoveries = 0;
  #over = false;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #ageing = null;
  #timer = new TurnTimer();
  /** @type {Batch<string>} */
  #audio;
  /**
   * @param {() => Promise<WebSocket | null>} connect
   * @param {RealtimeSettings} vertical
   * @param {SessionSettings} settings
   * @param {import("./conversation.js").Conversation} conversation
   * @param {RealtimeHost} host
   */
  constructor(connect, vertical, settings, conversation, host) {
    this.connect = connect;
    this.vertical = vertical;
    this.settings = settings;
    this.conversation = conversation;
    this.host = host;
    this.#audio = new Batch(settings.batchMilliseconds, (frames) => this.#send(JSON.stringify({ type: "input_audio_buffer.append", audio: joined(frames) })));
  }
  /** @param {boolean} first */
  async open(first) {
    const opened = await this.#opened();
    if (opened === null) return false;
    this.#takeOver(opened);
    if (first) for (const event of opened.events) this.host.toClient(event);
    return true;
  }
  /** @param {string | ArrayBuffer} frame */
  fromClient(frame) {
    const said = parse(frame);
    if (said === null) return this.host.toClient(complaint("invalid_event", "a frame is a JSON object with a type"));
    if (said.type === "input_audio_buffer.append") return this.#heard(said.audio);
    const event = identified(said, newId);
    this.#audio.flush();
    if (event.type === "response.create" || event.type === "input_audio_buffer.commit") this.#timer.turnEnded(Date.now());
    const kept = this.conversation.fromClient(event);
    const sent = JSON.stringify(event);
    if (this.#current !== null) this.#send(sent);
    else this.#wait(sent, kept);
  }
  close() {
    this.#over = true;
    clearTimeout(this.#ageing);
    for (const socket of [this.#current, this.#next?.socket]) if (socket) closed(socket, NORMAL, "the call is over");
    this.#current = this.#next = null;
  }
  /** @param {unknown} audio */
  #heard(audio) {
    if (!audioBytes(audio)) return this.host.toClient(complaint("invalid_audio", "audio is base64, and not empty"));
    const frame = String(audio);
    this.conversation.append(frame);
    if (this.#current !== null) this.#audio.add(frame);
  }
  /**
   * @param {string} event
   * @param {boolean} kept by the conversation
   */
  #wait(event, kept) {
    if (!kept) this.#waiting.push(event);
    this.#sentAway += event.length;
    if (this.#sentAway > this.settings.backlogBytes) this.host.end(REFUSED, "too much was sent while the model was away");
  }
  /** @param {string} event */
  #send(event) {
    if (this.#current === null) return;
    if (!this.#room.takes(this.#current, event.length)) return this.host.end(TRY_LATER, "the model does not keep up");
    this.#current.send(event);
  }
  /**
   * @param {WebSocket} socket
   * @param {string | ArrayBuffer} frame
   */
  #fromUpstream(socket, frame) {
    if (socket !== this.#current) return;
    if (size(frame) > this.settings.frameBytes) return this.host.end(FAILED, "the model sent too large a frame");
    const event = parse(frame);
    if (event === null) return console.error(JSON.stringify({ event: "not of the protocol", from: "upstream" }));
    this.#measured(event);
    if (!this.#ours(event)) this.host.toClient(frame);
    this.#swapped();
  }
  /**
   * Whether an event answers what the client did not ask: what we told the upstream, or that its session is over, after which another takes over.
   *
   * @param {RealtimeEvent} event
   */
  #ours(event) {
    if (event.type === "session.updated" && this.#ownUpdates > 0) {
      this.#ownUpdates -= 1;
      return true;
    }
    this.conversation.fromUpstream(event);
    if (event.type === "session.updated") this.host.configured(this.conversation.session);
    if (event.type === "error") return object(event.error)?.code === SESSION_EXPIRED;
    return ADDED.has(event.type) && this.#told.has(text(object(event.item)?.id) ?? "");
  }
  /** @param {RealtimeEvent} event */
  #measured(event) {
    const [now, answer] = [Date.now(), answerOf(event)];
    if (event.type === "input_audio_buffer.speech_stopped") this.#timer.turnEnded(now);
    if (answer !== null) {
      const { firstToken, firstAudio } = this.#timer.answered(answer === "sound", now);
      if (firstToken !== null || firstAudio !== null) this.host.latency(firstToken, firstAudio);
    }
    if (event.type === "response.done") this.#timer.done();
    const id = event.type === "response.done" ? responseOf(event) : text(event.item_id);
    const tokens = tokensOf(event.type === "response.done" ? object(event.response)?.usage : event.usage);
    if (id && tokens !== null) this.host.usage(id, tokens);
  }
  /** A connection whose session is configured as the call's; null where none comes of it in time. @returns {Promise<Opened | null>} */
  async #opened() {
    const socket = await this.connect();
    if (socket === null) return null;
    const session = this.conversation.session;
    const configured = JSON.stringify(session);
    const events = [];
    const ready = await new Promise((resolve) => {
      const late = setTimeout(() => resolve(false), this.settings.openSeconds * 1e3);
      const settle = (outcome) => {
        clearTimeout(late);
        resolve(outcome);
      };
      socket.addEventListener("message", ({ data }) => {
        if (socket === this.#current) return this.#fromUpstream(socket, data);
        const event = parse(data);
        if (event === null || typeof data !== "string") return;
        events.push(data);
        if (event.type === "error") {
          console.error(JSON.stringify({ event: "session refused", code: object(event.error)?.code }));
          settle(false);
        } else if (event.type === "session.updated") settle(true);
        else if (event.type === "session.created" && Object.keys(session).length === 0) settle(true);
        else if (event.type === "session.created") socket.send(JSON.stringify({ type: "session.update", session }));
      });
      const gone = () => {
        settle(false);
        this.#gone(socket);
      };
      socket.addEventListener("close", gone);
      socket.addEventListener("error", gone);
    });
    if (ready && !this.#over) return { socket, configured, events };
    closed(socket, NORMAL, "not needed");
    return null;
  }
  /** @param {Opened} opened */
  #takeOver({ socket, configured }) {
    const old = this.#current;
    this.#audio.drop();
    this.#current = socket;
    this.#room = new Room(this.settings.backlogBytes);
    this.#next = null;
    this.#tookOver = Date.now();
    this.#ownUpdates = 0;
    if (configured !== JSON.stringify(this.conversation.session)) {
      this.#ownUpdates = 1;
      socket.send(JSON.stringify({ type: "session.update", session: this.conversation.session }));
    }
    const events = this.conversation.retold();
    this.#told = new Set(events.filter(({ event_id }) => event_id === void 0).map(({ item }) => String(object(item)?.id)));
    for (const event of [...events.map((event2) => JSON.stringify(event2)), ...this.#waiting]) socket.send(event);
    this.#waiting = [];
    this.#sentAway = 0;
    if (old !== null) closed(old, NORMAL, "another session takes over");
    clearTimeout(this.#ageing);
    this.#ageing = setTimeout(() => this.#prepare(), this.vertical.reopenSeconds * 1e3);
  }
  /** Open the next session beside this one. */
  async #prepare() {
    const opened = await this.#opened();
    if (this.#over) return;
    if (opened !== null) this.#next = opened;
    else this.#ageing = setTimeout(() => this.#prepare(), this.settings.retrySeconds * 1e3);
    this.#swapped();
  }
  /** Between turns the next session takes over, where there is one. */
  #swapped() {
    if (this.#next === null || this.#current === null || !this.conversation.idle) return;
    this.#takeOver(this.#next);
    this.host.toClient(JSON.stringify({ type: "headroom.reopened", reason: "age", interrupted: [] }));
  }
  /** @param {WebSocket} socket */
  #gone(socket) {
    if (socket === this.#next?.socket) {
      this.#next = null;
      this.#ageing = setTimeout(() => this.#prepare(), this.settings.retrySeconds * 1e3);
    } else if (socket === this.#current && !this.#over) {
      this.#current = null;
      void this.#recovered();
    }
  }
  /** Replace a lost session, in the middle of whatever is being said. */
  async #recovered() {
    const { openSeconds, retrySeconds } = this.settings;
    const { interrupted } = this.conversation;
    const flapping = this.#recoveries > 0 && Date.now() - this.#tookOver < openSeconds * 1e3;
    const deadline = Date.now() + openSeconds * 1e3;
    let opened = this.#next;
    while (opened === null && !flapping && !this.#over && Date.now() < deadline) {
      opened = await this.#opened();
      if (opened === null) await new Promise((resolve) => setTimeout(resolve, retrySeconds * 1e3));
    }
    if (this.#over) return opened === null ? void 0 : closed(opened.socket, NORMAL, "the call is over");
    if (opened === null) return this.host.end(TRY_LATER, "the model is gone");
    this.#recoveries += 1;
    this.#takeOver(opened);
    this.host.toClient(JSON.stringify({ type: "headroom.reopened", reason: "lost", interrupted }));
  }
};
function newId() {
  return `hr_${crypto.randomUUID().replaceAll("-", "").slice(3)}`;
}

// components/edge/worker/src/session/record.js
var TABLES = [
  "CREATE TABLE call (state TEXT NOT NULL)",
  "CREATE TABLE item (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)",
  "CREATE TABLE usage (id TEXT PRIMARY KEY, input INTEGER NOT NULL, cached INTEGER NOT NULL, output INTEGER NOT NULL) WITHOUT ROWID"
];
function held(sql) {
  if (sql.exec("SELECT name FROM sqlite_master WHERE name = 'call'").toArray().length === 0) return null;
  return JSON.parse(String(sql.exec("SELECT state FROM call").one().state));
}
function begin(sql, state) {
  for (const table of TABLES) sql.exec(table);
  sql.exec("INSERT INTO call VALUES (?)", JSON.stringify(state));
}
function save(sql, state) {
  sql.exec("UPDATE call SET state = ?", JSON.stringify(state));
}
function addUsage(sql, id, { input, cached, output }) {
  sql.exec("INSERT INTO usage VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", id, input, cached, output);
}
function countsOf(sql, { latencies, started, ended }, buckets, now) {
  const used = sql.exec("SELECT total(input) AS input, total(cached) AS cached, total(output) AS output FROM usage").one();
  return {
    seconds: ((ended ?? now) - started) / 1e3,
    turns: latencies.firstToken.counts.reduce((sum, count) => sum + count, 0),
    "tokens:input": Number(used.input),
    "tokens:cached": Number(used.cached),
    "tokens:output": Number(used.output),
    ...counters("first_token", latencies.firstToken, buckets),
    ...counters("first_audio", latencies.firstAudio, buckets)
  };
}

// components/edge/worker/src/session/resume.js
var SECRET_BYTES = 32;
function newToken(object2) {
  return `${object2}.${encoded(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))}`;
}
async function digestOf(token) {
  return encoded(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))));
}
async function matches(token, digest) {
  const given2 = decoded(await digestOf(token));
  const known = decoded(digest);
  return given2 !== null && known !== null && given2.length === known.length && crypto.subtle.timingSafeEqual(given2, known);
}
function encoded(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
function decoded(text2) {
  if (!/^[A-Za-z0-9_-]*$/.test(text2)) return null;
  try {
    return Uint8Array.from(atob(text2.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

// components/edge/worker/src/session/service.js
var Service = class {
  /** @type {WebSocket | null} */
  #socket = null;
  #room;
  /** @type {Batch<ArrayBuffer>} */
  #audio;
  /**
   * @param {() => Promise<WebSocket | null>} connect
   * @param {SessionSettings} settings
   * @param {SessionHost} host
   */
  constructor(connect, settings, host) {
    this.connect = connect;
    this.settings = settings;
    this.host = host;
    this.#room = new Room(settings.backlogBytes);
    this.#audio = new Batch(settings.batchMilliseconds, (frames) => this.#send(concatenated(frames)));
  }
  async open() {
    const socket = await this.connect();
    if (socket === null) return false;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#fromUpstream(data));
    socket.addEventListener("close", ({ code, reason }) => this.#gone(code, reason));
    socket.addEventListener("error", () => this.#gone(BROKEN, "the vertical broke off"));
    return true;
  }
  /** @param {string | ArrayBuffer} frame */
  fromClient(frame) {
    if (typeof frame !== "string") return this.#audio.add(frame);
    this.#audio.flush();
    this.#send(frame);
  }
  close() {
    this.#audio.flush();
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) closed(socket, NORMAL, "the call is over");
  }
  /** @param {string | ArrayBuffer} frame */
  #fromUpstream(frame) {
    if (size(frame) > this.settings.frameBytes) this.host.end(FAILED, "the vertical sent too large a frame");
    else this.host.toClient(frame);
  }
  /** @param {string | ArrayBuffer} frame */
  #send(frame) {
    if (this.#socket === null) return;
    if (!this.#room.takes(this.#socket, size(frame))) return this.host.end(TRY_LATER, "the vertical does not keep up");
    this.#socket.send(frame);
  }
  /**
   * @param {number} code
   * @param {string} reason
   */
  #gone(code, reason) {
    if (this.#socket === null) return;
    this.#socket = null;
    this.host.end(code, reason);
  }
};

// components/edge/worker/src/session.js
var CallSession = class extends DurableObject3 {
  /** @type {CallState | null} */
  #state;
  /** @type {Upstream | null} */
  #upstream = null;
  /** @type {Promise<boolean> | null} */
  #opening = null;
  /** Ends the call with its lease by a clock that nobody sets. @type {ReturnType<typeof setTimeout> | null} */
  #watchdog = null;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #parking = null;
  #heardAt = Date.now();
  #client;
  /**
   * @param {DurableObjectState} ctx
   * @param {SessionEnv} env
   */
  constructor(ctx, env) {
    super(ctx, env);
    this.settings = env.SETTINGS.session;
    this.#client = new Client(this.settings.backlogBytes, () => this.#cut());
    this.#state = held(ctx.storage.sql);
  }
  /**
   * Begin the call, or go on with it. Only the router calls this; the headers are its own.
   *
   * @param {Request} request
   */
  async fetch(request) {
    const token = request.headers.get("headroom-resume");
    return token === null ? this.#begin(request) : this.#resume(request, token);
  }
  /** @param {Request} request */
  async #begin(request) {
    if (this.#state !== null) return new Response("the call is under way", { status: 409 });
    const [call, now] = [callOf(request.headers), Date.now()];
    const token = newToken(this.ctx.id);
    const state = {
      ...call,
      token: "",
      started: now,
      // The lease is as old as the router's question for it, which may have waited.
      until: this.#leaseEnd(Math.min(call.leasedAt, now)),
      renew: now + this.env.SETTINGS.heartbeatSeconds * 1e3,
      // Until the client's socket is there.
      cut: now,
      ended: null,
      session: this.#firstConfiguration(call),
      latencies: noLatencies(this.settings.latencyBuckets.length)
    };
    this.#state = state;
    begin(this.ctx.storage.sql, state);
    await this.#wakeLater(state);
    state.token = await digestOf(token);
    if (!await this.#open(state, true) || state.ended !== null) {
      await this.#forget();
      return new Response("the vertical does not answer", { status: 502 });
    }
    const answer = this.#accept(state);
    const { resumeSeconds } = this.settings;
    const { longestSeconds } = this.env.SETTINGS.verticals[call.vertical] ?? {};
    this.#client.greet(() => ({ type: "headroom.started", call: call.id, resume: token, resumeSeconds, longestSeconds }));
    return answer;
  }
  /**
   * @param {Request} request
   * @param {string} token
   */
  async #resume(request, token) {
    const state = this.#state;
    const over = new Response("the call is over", { status: 410 });
    if (state === null || state.ended !== null || Date.now() >= Math.min(state.until, this.#comeBackUntil(state))) return over;
    if (!await matches(token, state.token)) return new Response("the token is not the call's", { status: 403 });
    if (!await this.#awake(state) || state.ended !== null) return over;
    const after = Number(new URL(request.url).searchParams.get("after"));
    const answer = this.#accept(state);
    this.#client.greet((missed) => ({
      type: "headroom.resumed",
      missed,
      position: this.#transcript.position,
      items: this.#transcript.after(Number.isSafeInteger(after) ? after : 0)
    }));
    return answer;
  }
  /**
   * @param {WebSocket} socket
   * @param {string | ArrayBuffer} frame
   */
  #heard(socket, frame) {
    const state = this.#state;
    if (state === null || !this.#client.is(socket)) return;
    this.#heardAt = Date.now();
    if (size(frame) > this.settings.frameBytes) this.#endLater(TOO_BIG, "a frame was too large");
    else if (this.#heardAt >= state.until) this.#endLater(TRY_LATER, "the place of the call was not renewed in time");
    else if (this.#upstream === null) this.ctx.waitUntil(this.#awake(state).then((awake) => awake && this.#passOn(state, frame)));
    else this.#passOn(state, frame);
  }
  /**
   * Nothing is awaited here: it is the way of every frame.
   *
   * @param {CallState} state
   * @param {string | ArrayBuffer} frame
   */
  #passOn(state, frame) {
    try {
      this.#upstream?.fromClient(frame);
    } catch (error) {
      console.error(JSON.stringify({ event: "frame not handled", call: state.id, error: String(error) }));
      this.#endLater(REFUSED, "a frame could not be handled");
    }
  }
  /**
   * @param {WebSocket} socket
   * @param {number} code
   * @param {string} reason
   */
  async #hungUp(socket, code, reason) {
    if (!this.#client.is(socket)) return;
    this.#client.close(code, reason);
    if (hungUp(code)) await this.#end(NORMAL, "the client hung up");
    else this.#cut();
  }
  /** Renew the places of the call, or end it: without them, or when its client did not come back. */
  async alarm() {
    const [state, now] = [this.#state, Date.now()];
    if (state === null) return;
    if (state.ended !== null) return this.#report(state);
    if (state.cut === null && this.#client.away) this.#cut();
    if (state.cut === null && now >= this.#silentFrom()) {
      this.#client.close(TRY_LATER, "nothing was heard; resume the call");
      this.#cut();
    }
    if (now >= this.#longestUntil(state)) return this.#end(NORMAL, "the call has lasted as long as calls may");
    if (now >= state.until) return this.#end(TRY_LATER, "the place of the call was not renewed in time");
    if (now >= this.#comeBackUntil(state)) return this.#end(NORMAL, "the client did not come back");
    if (now >= state.renew && await this.#renewed(state) === "gone") return this.#end(TRY_LATER, "the place of the call is gone");
    await this.#wakeLater(state);
  }
  /**
   * While gate and pool do not answer the places stand, until the lease that they last gave is over.
   *
   * @param {CallState} state
   */
  async #renewed(state) {
    const [asked, { heartbeatSeconds, leaseSeconds }] = [Date.now(), this.env.SETTINGS];
    const answer = await renewed(this.env, state, leaseSeconds, this.#counts(state));
    state.renew = asked + heartbeatSeconds * 1e3;
    if (answer === "stand") state.until = this.#leaseEnd(asked);
    if (this.#upstream !== null) this.#watch(state);
    this.#save(state);
    return answer;
  }
  /**
   * The client's side of new sockets, which are the call's from now on.
   *
   * @param {CallState} state
   */
  #accept(state) {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#client.close(GOING_ON_ELSEWHERE, "the call goes on on another socket");
    server.accept();
    server.binaryType = "arraybuffer";
    server.addEventListener("message", ({ data }) => this.#heard(server, data));
    server.addEventListener("close", ({ code, reason }) => this.ctx.waitUntil(this.#hungUp(server, code, reason)));
    server.addEventListener("error", () => this.ctx.waitUntil(this.#hungUp(server, BROKEN, "")));
    clearTimeout(this.#parking);
    this.#heardAt = Date.now();
    state.cut = null;
    this.#save(state);
    this.#client.attach(server);
    return new Response(null, { status: 101, webSocket: client });
  }
  /** The client is away. For a while its upstream waits, so that nothing is lost; after that the object may sleep. */
  #cut() {
    const state = this.#state;
    if (state === null || state.ended !== null || state.cut !== null) return;
    state.cut = Date.now();
    this.#save(state);
    this.#parking = setTimeout(() => this.#park(), this.settings.parkSeconds * 1e3);
    this.ctx.waitUntil(this.#wakeLater(state));
  }
  /** Let go of the upstream and of every timer, which keep the object in memory. Its alarms go on. */
  #park() {
    this.#upstream?.close();
    this.#upstream = null;
    clearTimeout(this.#watchdog);
  }
  /**
   * Whether the call has an upstream, after one was opened if it had none; without one it is over.
   *
   * @param {CallState} state
   */
  async #awake(state) {
    if (this.#upstream !== null) return true;
    this.#opening ??= this.#open(state, false).finally(() => this.#opening = null);
    if (await this.#opening) return true;
    await this.#end(TRY_LATER, "the vertical does not answer");
    return false;
  }
  /**
   * Open the upstream; whether it answered.
   *
   * @param {CallState} state
   * @param {boolean} first
   */
  async #open(state, first) {
    const upstream = this.#newUpstream(state);
    if (upstream === null || !await upstream.open(first)) return false;
    if (state.ended !== null) {
      upstream.close();
      return false;
    }
    this.#upstream = upstream;
    this.#watch(state);
    return true;
  }
  /**
   * @param {CallState} state
   * @returns {Upstream | null}
   */
  #newUpstream(state) {
    const { SETTINGS, ACCESS_CLIENT_ID, ACCESS_CLIENT_SECRET, REALTIME_KEY } = this.env;
    const vertical = SETTINGS.verticals[state.vertical];
    if (vertical === void 0) return null;
    const { openSeconds } = this.settings;
    const host = {
      toClient: (frame) => this.#client.send(frame),
      end: (code, reason) => this.#endLater(code, reason)
    };
    if (vertical.realtime === void 0) {
      const who = { "headroom-call": state.id, "headroom-tenant": state.tenant, "headroom-plan": state.plan };
      const access = { "CF-Access-Client-Id": ACCESS_CLIENT_ID, "CF-Access-Client-Secret": ACCESS_CLIENT_SECRET };
      return new Service(() => connected(vertical.upstream, { ...who, ...access }, openSeconds), this.settings, host);
    }
    const connect = () => connected(vertical.upstream, { Authorization: `Bearer ${REALTIME_KEY}` }, openSeconds);
    return new Realtime(connect, vertical.realtime, this.settings, new Conversation(this.#transcript, state.session, this.settings), {
      ...host,
      usage: (id, tokens) => addUsage(this.ctx.storage.sql, id, tokens),
      latency: (token, sound) => this.#measured(state, token, sound),
      configured: (session) => {
        state.session = session;
        this.#save(state);
      }
    });
  }
  /**
   * @param {CallState} state
   * @param {number | null} token
   * @param {number | null} sound
   */
  #measured(state, token, sound) {
    const { latencyBuckets } = this.settings;
    const { firstToken, firstAudio } = state.latencies;
    state.latencies = { firstToken: counted(firstToken, latencyBuckets, token), firstAudio: counted(firstAudio, latencyBuckets, sound) };
    this.#save(state);
  }
  /**
   * Close both sides, say what came of the call, and give its places back; again it does nothing.
   *
   * @param {number} code
   * @param {string} reason
   */
  async #end(code, reason) {
    const state = this.#state;
    if (state === null || state.ended !== null) return;
    state.ended = Date.now();
    this.#save(state);
    this.#park();
    clearTimeout(this.#parking);
    this.#client.send(JSON.stringify({ type: "headroom.ended", reason, counts: this.#counts(state) }));
    this.#client.close(code, reason);
    await this.#report(state);
  }
  /**
   * End the call from where nobody can wait for that.
   *
   * @param {number} code
   * @param {string} reason
   */
  #endLater(code, reason) {
    this.ctx.waitUntil(this.#end(code, reason));
  }
  /**
   * Tell gate and pool that the call is over, until they know, or its places are free long since and the gate has forgotten what the call
   * reported before: all of it would count again.
   *
   * @param {CallState} state
   */
  async #report(state) {
    const counts = this.#counts(state);
    try {
      await released(this.env, state, counts);
    } catch (error) {
      const { heartbeatSeconds, reportedSeconds } = this.env.SETTINGS;
      const [next, call] = [Date.now() + heartbeatSeconds * 1e3, { tenant: state.tenant, call: state.id }];
      console.error(JSON.stringify({ event: "release failed", ...call, error: String(error) }));
      if (next < this.#lastAsked(state) + reportedSeconds * 1e3) return this.ctx.storage.setAlarm(next);
      console.error(JSON.stringify({ event: "report lost", ...call, counts }));
    }
    await this.#forget();
  }
  async #forget() {
    this.#state = null;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }
  /**
   * End the call with its lease even if no alarm comes and the clock is set back.
   *
   * @param {CallState} state
   */
  #watch({ until }) {
    clearTimeout(this.#watchdog);
    const end = () => this.#endLater(TRY_LATER, "the place of the call was not renewed in time");
    this.#watchdog = setTimeout(end, until - Date.now());
  }
  /** @param {CallState} state */
  async #wakeLater(state) {
    const away = state.cut === null ? this.#silentFrom() : this.#comeBackUntil(state);
    await this.ctx.storage.setAlarm(Math.min(state.renew, state.until, away, this.#longestUntil(state)));
  }
  #silentFrom() {
    return this.#heardAt + this.settings.silenceSeconds * 1e3;
  }
  /** @param {CallState} state */
  #comeBackUntil({ cut }) {
    return cut === null ? Infinity : cut + this.settings.resumeSeconds * 1e3;
  }
  /** @param {CallState} state */
  #longestUntil({ started, vertical }) {
    return started + (this.env.SETTINGS.verticals[vertical]?.longestSeconds ?? Infinity) * 1e3;
  }
  /**
   * When the call ends at the latest if its places were asked for at `asked`: before they could be given to another.
   *
   * @param {number} asked
   */
  #leaseEnd(asked) {
    return asked + (this.env.SETTINGS.leaseSeconds - this.settings.marginSeconds) * 1e3;
  }
  /**
   * When its places were last asked for and given.
   *
   * @param {CallState} state
   */
  #lastAsked({ until }) {
    return until - this.#leaseEnd(0);
  }
  /** @param {SessionCall} call */
  #firstConfiguration({ vertical }) {
    const model = this.env.SETTINGS.verticals[vertical]?.realtime?.transcription;
    return model === void 0 ? {} : { type: "realtime", audio: { input: { transcription: { model } } } };
  }
  /** @param {CallState} state */
  #counts(state) {
    return countsOf(this.ctx.storage.sql, state, this.settings.latencyBuckets, Date.now());
  }
  /** @param {CallState} state */
  #save(state) {
    save(this.ctx.storage.sql, state);
  }
  get #transcript() {
    return new Transcript(this.ctx.storage.sql, this.settings.transcriptBytes);
  }
};

// components/edge/worker/src/sessions.js
var sessions_default = {
  fetch() {
    return new Response("not found", { status: 404 });
  }
};
export {
  CallSession,
  Pool,
  TenantGate,
  sessions_default as default
};
