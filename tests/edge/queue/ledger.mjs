// A ledger outside of Redis: a file for each key, made once; the line of what was recorded is written by who made it.
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** The queue learns of the end later than the ledger: whoever is killed in between leaves a job that runs again. */
const LATER_MILLISECONDS = 20;

export function fileLedger(folder) {
  const file = (key) => join(folder, "ledger", key.replace("/", "_"));
  return {
    has: async (key) => {
      const there = existsSync(file(key));
      if (there) appendFileSync(join(folder, "again"), `${key}\n`);
      return there;
    },
    record: async (key, result) => {
      try {
        writeFileSync(file(key), result, { flag: "wx" });
      } catch (error) {
        if (error.code === "EEXIST") return false;
        throw error;
      }
      appendFileSync(join(folder, "recorded"), `${key}\n`);
      await pause(LATER_MILLISECONDS);
      return true;
    },
  };
}
