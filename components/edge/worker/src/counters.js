/** Counters in storage that only grow, by names like `refused:plan`. */
export class Counters {
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
    this.#writing ??= setTimeout(() => this.#write(), 1000);
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
}

/**
 * Whether a counter may grow by it: a finite number of 0 or more.
 *
 * @param {number} value
 */
export function countable(value) {
  return Number.isFinite(value) && value >= 0;
}
