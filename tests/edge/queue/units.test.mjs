// What needs no server: `node --test`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenCheck } from "../../../components/queue/gateway/src/access.js";
import { appendedBy } from "../../../components/queue/gateway/src/appended.js";
import { jobId, priority } from "../../../components/queue/gateway/src/callbacks.js";

/** A Redis that says one thing after another, the last one for ever. */
function saying(...files) {
  let asked = 0;
  return {
    asked: () => asked,
    info: async () => {
      const { size, waiting, base = 0, status = "ok", enabled = 1 } = files[Math.min(asked, files.length - 1)];
      asked += 1;
      return [
        "# Persistence",
        `aof_enabled:${enabled}`,
        `aof_last_write_status:${status}`,
        `aof_current_size:${size}`,
        `aof_base_size:${base}`,
        `aof_buffer_length:${waiting}`,
        "",
      ].join("\r\n");
    },
  };
}
const bounds = { patienceMilliseconds: 200 };

test("nothing waits: one question is enough", async () => {
  const redis = saying({ size: 100, waiting: 0 });
  await appendedBy(redis, bounds)();
  assert.equal(redis.asked(), 1);
});

test("what others write meanwhile is not waited for", async () => {
  const redis = saying({ size: 100, waiting: 50 }, { size: 120, waiting: 900 }, { size: 150, waiting: 870 });
  await appendedBy(redis, bounds)();
  assert.equal(redis.asked(), 3);
});

test("a file that was written anew is measured from there", async () => {
  const redis = saying({ size: 100, waiting: 50 }, { size: 500, waiting: 60, base: 400 }, { size: 560, waiting: 10, base: 400 });
  await appendedBy(redis, bounds)();
  assert.equal(redis.asked(), 3);
});

test("whoever asks while a question is on its way shares the next one", async () => {
  const redis = saying({ size: 100, waiting: 0 });
  const appended = appendedBy(redis, bounds);
  const first = appended();
  await Promise.resolve();
  await Promise.resolve();
  await Promise.all([first, appended(), appended(), appended()]);
  assert.equal(redis.asked(), 2);
});

test("no promise is kept that Redis does not keep", async () => {
  for (const file of [
    { size: 1, waiting: 1 },
    { size: 1, waiting: 0, enabled: 0 },
    { size: 1, waiting: 0, status: "err" },
    { size: "", waiting: "x" },
  ]) {
    await assert.rejects(appendedBy(saying(file), bounds)());
  }
  const broken = saying({ size: 1, waiting: 0, status: "err" }, { size: 1, waiting: 0 });
  const appended = appendedBy(broken, bounds);
  await assert.rejects(appended());
  await appended();
});

test("tokens are many while they are changed, and none is no door", () => {
  const allowed = tokenCheck("old\nnew ");
  for (const header of ["Bearer old", "Bearer new"]) assert.equal(allowed(header), true);
  for (const header of [undefined, "", "Bearer ", "Bearer old new", "bearer old", "Basic old", "old"]) assert.equal(allowed(header), false);
  assert.throws(() => tokenCheck(" \n"));
});

test("a job is its tenant's, and a plan that nobody named comes last", () => {
  assert.notEqual(jobId({ tenant: "a", call: "b" }), jobId({ tenant: "b", call: "b" }));
  const priorities = { enterprise: 1, starter: 3 };
  assert.deepEqual(["enterprise", "starter", "new", "toString"].map((plan) => priority(plan, priorities)), [1, 3, 4, 4]);
  assert.equal(priority("new", {}), 1);
});
