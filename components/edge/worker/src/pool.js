import { DurableObject } from "cloudflare:workers";
import { Funds } from "./funds.js";
import { Leases } from "./leases.js";
import { Loans } from "./loans.js";

/**
 * What a call asks of its shard.
 *
 * @typedef {object} PoolAsk
 * @property {string} call
 * @property {string} vertical
 * @property {string} shard this object's own name
 * @property {boolean} reserved whether its tenant's guarantee covers it
 * @property {VerticalPlaces} places
 * @property {number} seconds
 *
 * @typedef {"room" | "full" | "unasked"} Answer of the ledger: a place may be free; there is none; nobody waited for one
 */

/** @type {readonly Part[]} */
const PARTS = ["reserved", "shared"];

/**
 * The places of a vertical. The object `<vertical>` is its ledger and lends places to the objects `<vertical>#<n>`, its shards,
 * which count calls. A shard keeps a block beside what calls hold, so that a call asks the shard alone.
 *
 * A call's lease never stands longer than the loan that it is counted against: a shard that is gone holds its calls' places
 * until their leases are over, and then the ledger has its places back.
 *
 * @extends {DurableObject<PoolEnv>}
 */
export class Pool extends DurableObject {
  /** @type {Partial<Record<Part, Promise<Answer>>>} */
  #asking = {};
  /** @type {Set<Part>} */
  #returning = new Set();
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
    if ((await this.ctx.storage.getAlarm()) === null) await this.#wakeLater();
    for (const part of ask.reserved ? PARTS : PARTS.slice(1)) {
      const fence = this.admit(ask, part, Date.now()) ?? (await this.#wait(ask, part));
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
    const expires = now + seconds * 1000;
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
    const lease = this.leases.find(call, Date.now());
    if (lease === null || lease.fence !== fence) return false;
    const part = partOf(lease);
    if (this.#fund(part).until < Date.now() + seconds * 1000) await this.#more(part);
    const now = Date.now();
    const { places, until } = this.#fund(part);
    if (until < now + seconds * 1000) throw new Error("the ledger lends the place no longer");
    if (this.leases.held(now, part) > places) {
      // The loan was over before it was renewed, and others have the places.
      this.leases.remove(call, fence);
      return false;
    }
    return this.leases.renew(call, fence, now + seconds * 1000, now);
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
    const tried = new Set();
    for (;;) {
      const loan = this.loans.lend(ask, Date.now());
      if (loan === null || loan.places >= ask.need) return loan;
      const other = this.loans.others(ask.shard, ask.part).find((name) => !tried.has(name));
      if (other === undefined) return loan;
      tried.add(other);
      try {
        this.loans.settle(other, ask.part, await this.#object(other).recall(ask.part));
      } catch (error) {
        // Its loan ends by itself.
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
    await this.ctx.storage.setAlarm(Date.now() + this.env.SETTINGS.heartbeatSeconds * 1000);
  }

  /** @param {number} now */
  #sweep(now) {
    this.leases.sweep(now, this.env.SETTINGS.leaseSeconds * 1000);
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
      while ((await this.#more(part)) !== "full") {
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
    if (this.#returning.has(part)) return; // it will see this too
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
    return (this.#asking[part] ??= this.#borrow(part).finally(() => {
      delete this.#asking[part];
    }));
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
    for (;;) {
      const sent = Date.now();
      const used = this.leases.held(sent, part);
      const waiting = this.#waiting[part];
      const before = this.funds.of(part);
      const need = used + waiting;
      const block = need === 0 ? 0 : self.places.block;
      const order = before.order + 1;
      // What is given up is given up before it is said: the ledger never thinks that the shard has less than it has.
      const holds = Math.min(before.places, before.tight ? need : need + block);
      this.funds.set(part, { ...before, places: holds, order });
      const loan = await this.#object(self.vertical).lend({
        shard: self.shard, part, holds, used, need, block, order, limit: self.places[part], seconds,
      });
      if (loan === null || this.funds.of(part).order !== order) continue; // overtaken by a recall
      this.funds.set(part, { places: loan.places, until: sent + seconds * 1000, order, tight: !loan.plenty });
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
    return fund.until > Date.now() + this.env.SETTINGS.loanSeconds * 1000 ? { ...fund, until: 0 } : fund;
  }

  /** @param {string} name */
  #object(name) {
    return this.env.POOL.get(this.env.POOL.idFromName(name));
  }
}

/**
 * @param {import("./leases.js").Lease} lease
 * @returns {Part}
 */
function partOf(lease) {
  return lease.kind === "reserved" ? "reserved" : "shared";
}
