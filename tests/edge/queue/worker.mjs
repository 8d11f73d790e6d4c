// A worker made of the skeleton: its effect is a line in a file, its ledger a folder in which each key is a file made once.
//   node worker.mjs '{"folder": "...", "settings": {...}, "milliseconds": 5}'
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { endAtSignal, startWorker } from "../../../components/queue/gateway/src/worker.js";
import { fileLedger } from "./ledger.mjs";

const { folder, settings, milliseconds } = JSON.parse(process.argv[2]);

async function effect(callback, key) {
  await pause(milliseconds);
  // Every 40th can never succeed, every 40th but one only the second time.
  const number = Number(callback.call.split("-").at(-1));
  if (number % 40 === 0) throw new Error("nobody answers");
  const seen = join(folder, "seen", key.replace("/", "_"));
  if (number % 40 === 1 && !existsSync(seen)) {
    writeFileSync(seen, "");
    throw new Error("busy");
  }
  return callback.reference;
}

const login = { username: "worker", password: "worker-password" };
const worker = startWorker(settings, login, fileLedger(folder), effect);
endAtSignal(worker);
