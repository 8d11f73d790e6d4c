// The twin of the tests' ledger that writes down whatever comes.
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export function fileLedger(folder) {
  return {
    has: async () => false,
    record: async (key) => {
      appendFileSync(join(folder, "recorded"), `${key}\n`);
      await pause(20);
      return true;
    },
  };
}
