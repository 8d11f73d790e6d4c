// What the gateway counts of itself. Jobs by state are BullMQ's own figures (bullmq_job_count).
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/**
 * Returns the gateway's own metrics. `outcome` is what became of a callback: accepted, known, full, invalid, unauthorized or
 * unavailable.
 *
 * @param {number} depthCap
 */
export function ownMetrics(depthCap) {
  const registry = new Registry();
  const registers = [registry];
  const cap = new Gauge({ name: "queue_gateway_depth_cap", help: "Jobs beyond which the next is refused", registers });
  cap.set(depthCap);
  return {
    registry,
    callbacks: new Counter({
      name: "queue_gateway_callbacks_total",
      help: "Callbacks that were offered, by what became of them",
      labelNames: ["outcome"],
      registers,
    }),
    seconds: new Histogram({
      name: "queue_gateway_answer_seconds",
      help: "From a callback's headers to its answer",
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    oldest: new Gauge({
      name: "voice_queue_oldest_job_seconds",
      help: "Age of the oldest waiting job",
      labelNames: ["queue"],
      registers,
    }),
  };
}

/** @typedef {ReturnType<typeof ownMetrics>} OwnMetrics */

/**
 * Returns the page that Prometheus reads. Without Redis it has the gateway's own figures alone: no zero stands for what is not
 * known.
 *
 * @param {OwnMetrics} own
 * @param {import("./store.js").Store | undefined} store
 * @param {string} queue
 */
export async function page(own, store, queue) {
  own.oldest.reset();
  let jobs = "";
  try {
    if (store) {
      own.oldest.set({ queue }, await store.oldestSeconds());
      jobs = `${await store.metrics()}\n`;
    }
  } catch {
    own.oldest.reset();
  }
  return `${await own.registry.metrics()}\n${jobs}`;
}
