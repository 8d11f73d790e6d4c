/**
 * Places that calls hold for a while, counted in storage.
 *
 * Every method is one synchronous step: with an await between counting and inserting, two calls would take the last place.
 */
export class Leases {
  /** @param {SqlStorage} sql */
  constructor(sql) {
    this.sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS lease (call TEXT PRIMARY KEY, expires INTEGER NOT NULL)");
    sql.exec("CREATE INDEX IF NOT EXISTS lease_expires ON lease (expires)");
  }

  /**
   * Whether the call holds a place until `expires`. A call that already holds one keeps it, however often it asks.
   *
   * @param {string} call
   * @param {number} places
   * @param {number} expires milliseconds since 1970
   * @param {number} now
   */
  take(call, places, expires, now) {
    this.sweep(now);
    if (!this.renew(call, expires, now) && this.held(now) >= places) return false;
    this.sql.exec("INSERT INTO lease VALUES (?, ?) ON CONFLICT (call) DO NOTHING", call, expires);
    return true;
  }

  /**
   * Whether the call still held its place, and holds it until `expires` now.
   *
   * @param {string} call
   * @param {number} expires
   * @param {number} now
   */
  renew(call, expires, now) {
    return this.sql.exec("UPDATE lease SET expires = ? WHERE call = ? AND expires > ?", expires, call, now).rowsWritten > 0;
  }

  /** @param {string} call */
  release(call) {
    this.sql.exec("DELETE FROM lease WHERE call = ?", call);
  }

  /**
   * Places that are held.
   *
   * @param {number} now
   */
  held(now) {
    return Number(this.sql.exec("SELECT count(*) AS held FROM lease WHERE expires > ?", now).one().held);
  }

  /**
   * Remove what has expired; the next instant at which something will, or null.
   *
   * @param {number} now
   */
  sweep(now) {
    this.sql.exec("DELETE FROM lease WHERE expires <= ?", now);
    const next = this.sql.exec("SELECT min(expires) AS next FROM lease").one().next;
    return next === null ? null : Number(next);
  }
}
