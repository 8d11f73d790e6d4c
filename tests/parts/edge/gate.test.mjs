// The tenant's gate in workerd: exact under races, by leases with fences, tokens of starts, no call twice.
import { env } from "cloudflare:workers";
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

let number = 0;
let gate;
const ask = (call, changes = {}) => ({
  call,
  vertical: "salon",
  shard: "salon#0",
  cap: 3,
  guaranteed: 0,
  starts: { perSecond: 100, burst: 1000 },
  seconds: 45,
  until: Date.now() + 300_000,
  ...changes,
});
const later = (seconds) => vi.setSystemTime(Date.now() + seconds * 1000);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  gate = env.TENANT_GATE.get(env.TENANT_GATE.idFromName(`tenant-${(number += 1)}`));
});
afterEach(() => vi.useRealTimers());

test("of many that race, as many come in as the cap says", async () => {
  const taken = await Promise.all(Array.from({ length: 40 }, (_, index) => gate.take(ask(`call-${index}`))));
  expect(taken.filter((each) => "fence" in each)).toHaveLength(3);
  expect(taken.filter((each) => each.refused === "plan")).toHaveLength(37);
  expect((await gate.status()).counts).toEqual({ admitted: 3, "refused:plan": 37 });
});

test("a call has its place however often it asks, with the same fence and the shard that it asked first", async () => {
  const first = await gate.take(ask("a"));
  expect(await gate.take(ask("a", { shard: "salon#1" }))).toEqual(first);
  expect((await gate.status()).active).toBe(1);
});

test("a token whose call runs on one vertical is good for no other", async () => {
  const first = await gate.take(ask("a"));
  expect(await gate.take(ask("a", { vertical: "clinic", shard: "clinic#0" }))).toEqual({ refused: "replayed" });
  expect(await gate.take(ask("a"))).toEqual(first);
  await gate.cancel("a", first.fence, "pool");
  expect(await gate.take(ask("a", { vertical: "clinic", shard: "clinic#0" }))).toMatchObject({ shard: "clinic#0" });
});

test("fences only grow, also after the object was made anew", async () => {
  const fences = [];
  for (const call of ["a", "b", "c"]) {
    const { fence } = await gate.take(ask(call));
    await gate.release(call, fence);
    fences.push(fence);
  }
  await runInDurableObject(gate, (_, state) => state.storage.sql.exec("DELETE FROM lease"));
  fences.push((await gate.take(ask("d"))).fence);
  expect(fences).toEqual([1, 2, 3, 4]);
});

test("a lease ends when it is not renewed, and its place is free at once, with or without the alarm", async () => {
  const { fence } = await gate.take(ask("a", { cap: 1 }));
  later(44);
  expect(await gate.renew("a", fence, 45)).toBe(true);
  later(44);
  expect((await gate.take(ask("b", { cap: 1 }))).refused).toBe("plan");
  later(1);
  expect(await gate.renew("a", fence, 45)).toBe(false);
  expect(await gate.take(ask("b", { cap: 1 }))).toMatchObject({ fence: fence + 1 });
});

test("the alarm sweeps what is over and sleeps when nothing is left", async () => {
  await gate.take(ask("a", { until: Date.now() + 60_000 }));
  later(46);
  expect(await runDurableObjectAlarm(gate)).toBe(true);
  const rows = (table) => runInDurableObject(gate, (_, state) => state.storage.sql.exec(`SELECT * FROM ${table}`).toArray().length);
  expect([await rows("lease"), await rows("ended")]).toEqual([0, 1]);
  later(60);
  expect(await runDurableObjectAlarm(gate)).toBe(true);
  expect([await rows("lease"), await rows("ended")]).toEqual([0, 0]);
  expect(await runDurableObjectAlarm(gate)).toBe(false);
});

test("only the holder of the fence renews and releases: a newer lease of the same call stays", async () => {
  const old = await gate.take(ask("a"));
  await gate.cancel("a", old.fence, "pool");
  const newer = await gate.take(ask("a"));
  expect(await gate.renew("a", old.fence, 45)).toBe(false);
  await gate.release("a", old.fence);
  await gate.cancel("a", old.fence, "pool");
  expect(await gate.renew("a", newer.fence, 45)).toBe(true);
});

test("a call that is over cannot be had again with its token, released or expired; one that never began can", async () => {
  const { fence } = await gate.take(ask("released"));
  await gate.release("released", fence);
  expect(await gate.take(ask("released"))).toEqual({ refused: "replayed" });
  await gate.take(ask("expired"));
  later(46);
  expect(await gate.take(ask("expired"))).toEqual({ refused: "replayed" });
  const third = await gate.take(ask("cancelled"));
  await gate.cancel("cancelled", third.fence, "upstream");
  expect(await gate.take(ask("cancelled"))).toHaveProperty("fence");
  expect((await gate.status()).counts).toEqual({ admitted: 4, "refused:replayed": 2, "refused:upstream": 1 });
});

test("starts are refused beyond the bucket and come back with time; a cancelled start is none", async () => {
  const starts = { perSecond: 0.5, burst: 2 };
  const take = (call) => gate.take(ask(call, { cap: 100, starts }));
  const first = await take("a");
  await take("b");
  expect(await take("c")).toEqual({ refused: "starts" });
  await gate.cancel("a", first.fence, "pool");
  expect(await take("c")).toHaveProperty("fence");
  later(1.9);
  expect(await take("d")).toEqual({ refused: "starts" });
  later(0.1);
  expect(await take("d")).toHaveProperty("fence");
  later(3600);
  await Promise.all(["e", "f"].map(take));
  expect(await take("g")).toEqual({ refused: "starts" });
});

test("calls within the guarantee of their vertical are told so, as many as it has", async () => {
  const reserved = async (call, vertical) => (await gate.take(ask(call, { cap: 10, guaranteed: 2, vertical }))).reserved;
  expect([await reserved("a", "salon"), await reserved("b", "salon"), await reserved("c", "salon")]).toEqual([true, true, false]);
  expect(await reserved("d", "clinic")).toBe(true);
  expect((await gate.status()).guaranteed).toEqual({ clinic: 1, salon: 2 });
});

test("a clock that is put back an hour holds no place longer than a lease and fills no bucket", async () => {
  const { fence } = await gate.take(ask("a", { cap: 1 }));
  later(-3600);
  expect((await gate.take(ask("b", { cap: 1 }))).refused).toBe("plan");
  later(46);
  expect(await gate.renew("a", fence, 45)).toBe(false);
  expect(await gate.take(ask("b", { cap: 1 }))).toHaveProperty("fence");
});

test("a clock that is put back does not keep an empty bucket dry until it is there again", async () => {
  const take = (call) => gate.take(ask(call, { cap: 100, starts: { perSecond: 1, burst: 1 } }));
  await take("a");
  later(-3600);
  expect(await take("b")).toEqual({ refused: "starts" });
  later(0.5);
  expect(await take("b")).toEqual({ refused: "starts" });
  later(0.5);
  expect(await take("b")).toHaveProperty("fence");
});

test("a clock that is put forward ends leases: too few calls, never too many", async () => {
  const { fence } = await gate.take(ask("a", { cap: 1 }));
  later(3600);
  expect(await gate.take(ask("b", { cap: 1 }))).toHaveProperty("fence");
  expect(await gate.renew("a", fence, 45)).toBe(false);
});

test("a lowered cap lets calls run to their end and admits none above it", async () => {
  const held = await Promise.all(["a", "b", "c"].map((call) => gate.take(ask(call))));
  expect((await gate.take(ask("d", { cap: 2 }))).refused).toBe("plan");
  expect(await gate.renew("c", held[2].fence, 45)).toBe(true);
});

test("what a call reports is added once, whoever brings it and however often", async () => {
  const { fence } = await gate.take(ask("a"));
  await gate.report("a", { seconds: 10, "tokens:input": 100 });
  await gate.renew("a", fence, 45, { seconds: 25, "tokens:input": 150 });
  await gate.release("a", fence, { seconds: 30, "tokens:input": 150, "tokens:output": 7 });
  await gate.report("a", { seconds: 30, "tokens:input": 150, "tokens:output": 7 });
  await gate.count({ queued: 1 });
  await gate.count({ queued: -5, seconds: Number.NaN });
  expect((await gate.status()).counts).toEqual({ admitted: 1, queued: 1, seconds: 30, "tokens:input": 150, "tokens:output": 7 });
});

test("a report that is smaller than one before, or no number, has nothing counted again", async () => {
  for (const seconds of [0, 100, 40, Number.NaN, -5, 100, 120]) await gate.report("a", { seconds });
  await gate.report("b", { turns: 0 });
  expect((await gate.status()).counts).toEqual({ seconds: 120, turns: 0 });
});

test("no tenant's calls count for another", async () => {
  await Promise.all(["a", "b", "c"].map((call) => gate.take(ask(call))));
  const other = env.TENANT_GATE.get(env.TENANT_GATE.idFromName(`other-${number}`));
  expect(await other.take(ask("a"))).toHaveProperty("fence");
  expect([(await gate.status()).active, (await other.status()).active]).toEqual([3, 1]);
});
