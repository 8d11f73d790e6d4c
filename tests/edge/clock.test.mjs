// The wall clock of workerd is put forward and back while calls run: never more calls than places, and in the end every place is free.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, afterEach, test } from "node:test";
import { allFree, arriveTogether, eventually, hangUp, pause, reasons, resume } from "./scenarios.mjs";
import { underTest } from "./under_test.mjs";

const folder = mkdtempSync(join(tmpdir(), "edge-clock-"));
const setClock = movableClock();
const { edge, world, caps, close } = await underTest();
const { cap } = caps.plans.starter;
const { leaseSeconds, heartbeatSeconds } = edge.settings;
afterEach(() => setClock(0));
after(async () => {
  await close();
  rmSync(folder, { recursive: true });
});

/** Have workerd read its wall clock through clock.c; what sets how far it is off, in seconds. */
function movableClock() {
  const [library, offset, wrapper] = ["clock.so", "offset", "workerd"].map((name) => join(folder, name));
  execFileSync("cc", ["-shared", "-fPIC", "-O2", "-o", library, fileURLToPath(new URL("clock.c", import.meta.url))]);
  writeFileSync(offset, Buffer.alloc(8));
  const workerd = createRequire(new URL("../parts/edge/deployed.mjs", import.meta.url))("workerd").default;
  writeFileSync(wrapper, `#!/bin/sh\nLD_PRELOAD='${library}' CLOCK_OFFSET='${offset}' exec '${workerd}' "$@"\n`);
  chmodSync(wrapper, 0o755);
  process.env.MINIFLARE_WORKERD_PATH = wrapper;
  return (seconds) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds) * 1000n);
    const file = openSync(offset, "r+");
    writeSync(file, bytes, 0, 8, 0);
    closeSync(file);
  };
}

/** How far the clock is put, and how many times the cap may be under way at one instant. */
const JUMPS = [
  // Every lease is over at once, as the gate sees it, while a session looks at the clock when something comes, or with its next heartbeat.
  ["forward by more than a lease", leaseSeconds + 30, 2],
  ["forward by less than a lease", Math.ceil(leaseSeconds / 2), 1],
  ["back by an hour", -3600, 1],
];
for (const [title, seconds, times] of JUMPS) {
  test(`the clock is put ${title} while every place is held`, async () => {
    const tenant = await edge.tenant(`clock${seconds}`, "starter");
    const { within } = await arriveTogether(tenant, "salon", cap);
    assert.equal(within.length, cap);
    setClock(seconds);
    const others = await arriveTogether(tenant, "salon", cap);
    // Who held a place either holds it still or was ended, within a heartbeat.
    await pause((heartbeatSeconds + 3) * 1000);
    await eventually("calls", () => world.live(tenant.id).length, (calls) => calls <= cap);
    const more = await arriveTogether(tenant, "salon", cap);
    const back = await Promise.all(within.filter((client) => client.code !== 0).map((client) => resume(edge, "salon", client)));
    await pause(2000);
    assert.ok(world.live(tenant.id).length <= cap, `${world.live(tenant.id).length} are under way`);
    assert.ok(world.peak(tenant.id) <= times * cap, `${world.peak(tenant.id)} were under way at once`);
    await hangUp([...within, ...others.within, ...others.refused, ...more.within, ...more.refused, ...back]);
    await eventually("calls", () => world.live(tenant.id).length, (calls) => calls === 0);
    await allFree(edge, tenant, leaseSeconds + 20);
    setClock(0);
    await allFree(edge, tenant, leaseSeconds + 20);
    const again = await arriveTogether(tenant, "salon", cap);
    assert.equal(again.within.length, cap, reasons(again.refused));
    await hangUp(again.within);
    await allFree(edge, tenant);
  });
}
