import { verticalOf } from "./shards.js";

/**
 * What a shard has borrowed of one part, and until when it may count on it.
 *
 * @typedef {{ places: number, until: number, order: number, tight: boolean }} Fund `tight`: there is none beside; what is free goes back
 */

/** A shard's loans in storage, and what it must know to renew them when nobody asks it anything. */
export class Funds {
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
    const text = JSON.stringify(places);
    const known = this.sql.exec("SELECT 1 FROM self WHERE vertical = ? AND shard = ? AND places = ?", vertical, shard, text).toArray();
    if (known.length === 0) this.sql.exec("INSERT OR REPLACE INTO self VALUES (1, ?, ?, ?)", vertical, shard, text);
  }

  /** @returns {{ vertical: string, shard: string, places: VerticalPlaces } | null} */
  self() {
    const [row] = this.sql.exec("SELECT vertical, shard, places FROM self");
    return row === undefined ? null : { vertical: String(row.vertical), shard: String(row.shard), places: JSON.parse(String(row.places)) };
  }

  /**
   * @param {Part} part
   * @returns {Fund}
   */
  of(part) {
    const [row] = this.sql.exec("SELECT places, until, ordr, tight FROM fund WHERE part = ?", part);
    if (row === undefined) return { places: 0, until: 0, order: 0, tight: false };
    return { places: Number(row.places), until: Number(row.until), order: Number(row.ordr), tight: row.tight === 1 };
  }

  /**
   * @param {Part} part
   * @param {Fund} fund
   */
  set(part, { places, until, order, tight }) {
    this.sql.exec("INSERT OR REPLACE INTO fund VALUES (?, ?, ?, ?, ?)", part, places, until, order, tight ? 1 : 0);
  }
}
