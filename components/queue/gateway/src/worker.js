// The skeleton of a worker: it takes callbacks, has each effect recorded once, tries again, and leaves the rest as dead letters.
import { Worker } from "bullmq";

/**
 * @typedef {import("bullmq").Job<import("./callbacks.js").Callback>} CallbackJob
 *
 * @typedef {object} WorkerFigures
 * @property {Partial<import("bullmq").WorkerOptions>} worker
 */

/**
 * Returns a worker that runs `effect` for each callback. A job may run more than once: its worker died, or Redis did before it
 * learned of the end. So the effect gets a key that is always the same for a call; what it calls must know a key again (an
 * idempotency key), and its result is recorded once under it. A job whose effect is recorded is done without another.
 *
 * Attempts and the time between them are the job's own (the gateway sets them). After the last one it is a dead letter: in the
 * failed set, where the gateway lists it.
 *
 * @param {import("./settings.js").QueueSettings & WorkerFigures} settings
 * @param {import("./settings.js").Login} login
 * @param {import("./ledger.js").Ledger} ledger
 * @param {(callback: import("./callbacks.js").Callback, key: string) => Promise<string>} effect Returns what to record.
 */
export function startWorker(settings, login, ledger, effect) {
  const worker = new Worker(settings.queue, (/** @type {CallbackJob} */ job) => once(ledger, job, effect), {
    ...settings.worker,
    connection: { ...settings.connection, ...login, ...settings.worker.connection },
  });
  worker.on("error", (error) => process.stderr.write(`${JSON.stringify({ error: error.message })}\n`));
  return worker;
}

/**
 * Runs an effect whose record is not there yet, and records it.
 *
 * @param {import("./ledger.js").Ledger} ledger
 * @param {CallbackJob} job
 * @param {(callback: import("./callbacks.js").Callback, key: string) => Promise<string>} effect
 */
async function once(ledger, job, effect) {
  const key = /** @type {string} */ (job.id);
  if (await ledger.has(key)) return "recorded before";
  const result = await effect(job.data, key);
  return (await ledger.record(key, result)) ? "recorded" : "recorded before";
}

/**
 * Ends a worker at SIGTERM: it takes no further job, and those that it holds are finished first.
 *
 * @param {import("bullmq").Worker} worker
 */
export function endAtSignal(worker) {
  process.once("SIGTERM", () => void worker.close());
}
