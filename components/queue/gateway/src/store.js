// The queue as the gateway sees it: callbacks in, dead letters out and back.
import { Queue } from "bullmq";
import { appendedBy } from "./appended.js";
import { jobId, last, priority } from "./callbacks.js";
import { cappedClient, FULL, KNOWN } from "./capped.js";

/** @typedef {"accepted" | "known" | "full"} Outcome */

/** BullMQ's score of a job is its priority times this, and its number. */
const PRIORITY_SPAN = 2 ** 32;

/**
 * Returns the queue once Redis answers. Nothing is acknowledged before it is in Redis' append-only file.
 *
 * @param {import("./settings.js").GatewaySettings} settings
 * @param {import("./settings.js").Login} login
 */
export async function openStore(settings, login) {
  const bounds = { cap: settings.depthCap, answerMilliseconds: settings.answerMilliseconds };
  const client = cappedClient({ ...settings.connection, ...login }, bounds);
  saying(client);
  await ready(client);
  const queue = new Queue(settings.queue, { connection: client, defaultJobOptions: settings.defaultJobOptions });
  queue.on("error", () => {});
  await queue.waitUntilReady();
  const appended = appendedBy(client, { patienceMilliseconds: settings.answerMilliseconds });
  const key = (/** @type {string} */ name) => `bull:${settings.queue}:${name}`;

  return {
    /**
     * Adds a callback, and says whether it is new, was there, or found the queue full.
     *
     * @param {import("./callbacks.js").Callback} callback
     * @returns {Promise<Outcome>}
     */
    async offer(callback) {
      const options = { jobId: jobId(callback), priority: priority(callback.plan, settings.priorities) };
      const outcome = await told(queue.add("callback", callback, options), "accepted");
      if (outcome !== "full") await appended();
      return outcome;
    },

    /** Returns whether Redis takes jobs and keeps them. */
    async holds() {
      return appended().then(
        () => true,
        () => false,
      );
    },

    /**
     * Returns the jobs whose last attempt failed, latest first.
     *
     * @param {number} from
     * @param {number} count
     */
    async deadLetters(from, count) {
      const jobs = await queue.getFailed(from, from + count - 1);
      return jobs.map((job) => ({
        ...callbackOf(job.data),
        reason: job.failedReason,
        attempts: job.attemptsMade,
        failedAt: new Date(job.finishedOn ?? 0).toISOString(),
      }));
    },

    /**
     * Puts a dead letter back with all its attempts, where the queue has room.
     *
     * @param {{tenant: string, call: string}} callback
     * @returns {Promise<Outcome | "unknown">}
     */
    async revive(callback) {
      const job = await queue.getJob(jobId(callback));
      if (job === undefined || !(await job.isFailed())) return "unknown";
      const outcome = await told(job.retry("failed", { resetAttemptsMade: true }), "accepted");
      if (outcome === "accepted") await appended();
      return outcome;
    },

    /** Returns BullMQ's own metrics of the queue, as Prometheus reads them. */
    metrics: () => queue.exportPrometheusMetrics(),

    /** Returns how long the oldest job has waited, in seconds; 0 where none waits. */
    async oldestSeconds() {
      const oldest = [client.lindex(key("wait"), -1)];
      for (let one = 1; one <= last(settings.priorities); one += 1) {
        const first = client.zrangebyscore(key("prioritized"), one * PRIORITY_SPAN, (one + 1) * PRIORITY_SPAN - 1, "LIMIT", 0, 1);
        oldest.push(first.then(([id]) => id ?? null));
      }
      const since = await Promise.all(
        (await Promise.all(oldest)).map(async (id) => (id === null ? null : client.hget(key(id), "timestamp"))),
      );
      const times = since.flatMap((time) => (time === null ? [] : [Number(time)]));
      return times.length === 0 ? 0 : Math.max(0, (Date.now() - Math.min(...times)) / 1000);
    },

    async close() {
      await queue.close();
      client.disconnect();
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof openStore>>} Store */

/**
 * Returns what Redis answered to a job: nothing where it took it, a word of ours where it did not.
 *
 * @param {Promise<unknown>} adding
 * @param {Outcome} taken
 * @returns {Promise<Outcome>}
 */
async function told(adding, taken) {
  try {
    await adding;
    return taken;
  } catch (refused) {
    const word = refused instanceof Error ? refused.message.split(" ", 1)[0] : "";
    if (word === FULL) return "full";
    if (word === KNOWN) return "known";
    throw refused;
  }
}

/**
 * Writes each kind of error once until Redis answers again: a client that is away tries many times a second.
 *
 * @param {import("ioredis").Redis} client
 */
function saying(client) {
  /** @type {Set<string>} */
  const said = new Set();
  client.on("error", ({ message }) => {
    if (said.has(message)) return;
    said.add(message);
    process.stderr.write(`${JSON.stringify({ error: message })}\n`);
  });
  client.on("ready", () => said.clear());
}

/** @param {import("ioredis").Redis} client */
function ready(client) {
  return client.status === "ready" ? Promise.resolve() : new Promise((resolve) => client.once("ready", () => resolve(undefined)));
}

/** @param {import("./callbacks.js").Callback} data */
function callbackOf({ call, tenant, vertical, plan, reference }) {
  return { call, tenant, vertical, plan, reference };
}
