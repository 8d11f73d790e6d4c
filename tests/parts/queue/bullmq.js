// Puts jobs into a queue and takes them out with BullMQ, by the settings that the workers read. Prints a line of JSON for each answer.
//   node bullmq.js SETTINGS fill COUNT PAYLOAD   adds so many jobs, or as many as are taken
//   node bullmq.js SETTINGS stream PAYLOAD       adds one after another, and says when each is acknowledged
//   node bullmq.js SETTINGS work COUNT           works off so many jobs
import { readFileSync } from "node:fs";
import { Queue, Worker } from "bullmq";

const [path, mode, ...figures] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(path));
const user = mode === "work" ? "worker" : "producer";
const connection = { ...settings.connection, username: user, password: `${user}-password` };
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const body = (bytes) => ({ body: "x".repeat(bytes - JSON.stringify({ body: "" }).length) });

if (mode === "work") {
  const wanted = Number(figures[0]);
  let done = 0;
  const worker = new Worker(settings.queue, async () => null, {
    ...settings.worker,
    connection: { ...connection, ...settings.worker.connection },
  });
  worker.on("completed", async () => {
    done += 1;
    if (done !== wanted) return;
    say({ done });
    await worker.close(true);
    process.exit(0);
  });
} else {
  const queue = new Queue(settings.queue, {
    connection: { ...connection, enableOfflineQueue: false, maxRetriesPerRequest: 0 },
    defaultJobOptions: settings.defaultJobOptions,
  });
  queue.on("error", () => {});
  await queue.waitUntilReady();
  let added = 0;
  let error = null;
  try {
    if (mode === "fill") {
      const [count, payload] = figures.map(Number);
      while (added < count) {
        const jobs = Array.from({ length: Math.min(500, count - added) }, () => ({ name: "follow-up", data: body(payload) }));
        added += (await queue.addBulk(jobs)).length;
      }
    } else {
      for (;;) {
        const job = await queue.add("follow-up", body(Number(figures[0])));
        say({ id: job.id, at: Date.now() });
      }
    }
  } catch (refused) {
    error = refused.message;
  }
  say({ added, error });
  process.exit(0);
}
