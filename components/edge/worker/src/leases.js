/**
 * Places that calls hold for a while, counted in storage.
 *
 * Every method is one synchronous step: with an await between counting and inserting, two calls would take the last place.
 *
 * @typedef {{ call: string, fence: number, kind: string, note: string }} Lease `kind` is what it is counted under; `note` is the owner's
 */
export class Leases {
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
    return found === undefined ? null : lease(found);
  }

  /**
   * Give a call that holds none a lease; its fence, which is above all fences before it.
   *
   * @param {{ call: string, expires: number, kind: string, note: string }} wanted
   */
  insert({ call, expires, kind, note }) {
    const fence = Number(this.sql.exec("UPDATE fence SET last = last + 1 RETURNING last").one().last);
    this.sql.exec("INSERT INTO lease VALUES (?, ?, ?, ?, ?)", call, fence, expires, kind, note);
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
    return gone === undefined ? null : lease(gone);
  }

  /**
   * Leases that stand, of one kind or of all.
   *
   * @param {number} now
   * @param {string} [kind]
   */
  held(now, kind) {
    const rows =
      kind === undefined
        ? this.sql.exec("SELECT count(*) AS held FROM lease WHERE expires > ?", now)
        : this.sql.exec("SELECT count(*) AS held FROM lease WHERE kind = ? AND expires > ?", kind, now);
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
    return Object.fromEntries(rows.map(({ kind, held }) => [String(kind), Number(held)]));
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
}

/**
 * @param {Record<string, SqlStorageValue>} row
 * @returns {Lease}
 */
function lease({ call, fence, kind, note }) {
  return { call: String(call), fence: Number(fence), kind: String(kind), note: String(note) };
}
