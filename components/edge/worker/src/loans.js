/**
 * What a shard asks of the ledger, of one part of the vertical's places.
 *
 * @typedef {object} LoanAsk
 * @property {string} shard
 * @property {Part} part
 * @property {number} holds places that it counts on now
 * @property {number} used of them, those that calls hold
 * @property {number} need those and the ones that calls wait for
 * @property {number} block what it would like beside
 * @property {number} order of the shard's messages: the ledger heeds none that is older than one before
 * @property {number} limit the vertical's places of this part
 * @property {number} seconds
 *
 * @typedef {{ places: number, plenty: boolean }} Loan `plenty`: there is as much beside for every shard
 */

/** What the ledger of a vertical has lent to its shards: never more than there is. Every method is one synchronous step. */
export class Loans {
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
    // No loan is for longer: one that is was made by a clock that has been put back.
    this.sql.exec("UPDATE lent SET expires = ? WHERE expires > ?", now + seconds * 1000, now + seconds * 1000);
    this.sql.exec("UPDATE lent SET places = 0, used = 0 WHERE expires <= ?", now);
    const rows = this.sql.exec("SELECT shard, places, heard FROM lent WHERE part = ?", part).toArray();
    const own = rows.find((row) => row.shard === shard);
    if (own !== undefined && Number(own.heard) > order) return null;
    const lent = rows.reduce((sum, row) => sum + (row === own ? 0 : Number(row.places)), 0);
    const room = Math.max(0, limit - lent);
    const active = rows.filter((row) => row !== own && Number(row.places) > 0).length + 1;
    const plenty = room - need >= block * active;
    const kept = Math.min(holds, Number(own?.places ?? 0));
    const places = Math.max(kept, Math.min(plenty ? need + block : need, room));
    this.sql.exec(
      "INSERT OR REPLACE INTO lent VALUES (?, ?, ?, ?, ?, ?)",
      shard, part, places, Math.min(used, places), now + seconds * 1000, order,
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
}
