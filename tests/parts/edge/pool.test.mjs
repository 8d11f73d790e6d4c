// The pool of a vertical in workerd: shards that borrow from a ledger, and never more than there is.
import { env } from "cloudflare:workers";
import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

let number = 0;
let vertical;
const object = (name) => env.POOL.get(env.POOL.idFromName(name));
const shard = (n) => object(`${vertical}#${n}`);
const ask = (n, call, places, reserved = false) => ({
  call,
  vertical,
  shard: `${vertical}#${n}`,
  reserved,
  places: { reserved: 0, shared: 10, block: 2, ...places },
  seconds: 45,
});
const take = (n, call, places, reserved) => shard(n).take(ask(n, call, places, reserved));
const later = (seconds) => vi.setSystemTime(Date.now() + seconds * 1000);
const taken = (results) => results.filter((result) => "fence" in result).length;
const held = async (shards) => {
  const all = await Promise.all(Array.from({ length: shards }, (_, n) => shard(n).status()));
  return all.reduce((sum, status) => sum + status.held, 0);
};
const lent = async () => (await object(vertical).status()).parts;
/** Have the ledger's answers come late to a shard; null: to none. */
const late = (name) => runInDurableObject(object(vertical), (instance) => void (instance.late = name));
/** Have an object answer no other. */
const gone = (stub) => runInDurableObject(stub, (instance) => void (instance.gone = true));
/** Wait until what is done in the background is done. */
const settled = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setTimeout(resolve, 5));
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vertical = `vertical-${(number += 1)}`;
});
afterEach(() => vi.useRealTimers());

for (const shards of [1, 4]) {
  for (const block of [1, 7]) {
    test(`of 60 calls that race for 25 places on ${shards} shards with blocks of ${block}, 25 come in, and again when they are gone`, async () => {
      for (let round = 0; round < 3; round += 1) {
        const calls = Array.from({ length: 60 }, (_, call) => ({ n: call % shards, call: `${round}-${call}` }));
        const results = await Promise.all(calls.map(({ n, call }) => take(n, call, { shared: 25, block })));
        expect(taken(results)).toBe(25);
        expect(await held(shards)).toBe(25);
        await Promise.all(calls.map(({ n, call }, index) => "fence" in results[index] && shard(n).release(call, results[index].fence)));
        await settled();
      }
    });
  }
}

test("a place that comes free on one shard is found by a call of another", async () => {
  const results = await Promise.all(Array.from({ length: 10 }, (_, call) => take(0, `call-${call}`)));
  expect(await take(1, "late")).toEqual({ refused: "pool" });
  await shard(0).release("call-3", results[3].fence);
  await settled();
  expect(await take(1, "late")).toHaveProperty("fence");
  expect(await take(2, "later")).toEqual({ refused: "pool" });
});

test("the healthy case asks the shard alone: what it keeps beside is there before the call", async () => {
  const places = { shared: 1000, block: 20 };
  await take(0, "first", places);
  await settled();
  const before = await lent();
  await gone(object(vertical));
  expect(taken(await Promise.all(Array.from({ length: 8 }, (_, call) => take(0, `call-${call}`, places))))).toBe(8);
  expect(before.shared.lent).toBeGreaterThanOrEqual(9);
});

test("reserved places are for guarantees; with theirs used up they share", async () => {
  const places = { reserved: 2, shared: 3, block: 1 };
  expect(taken(await Promise.all(["a", "b", "c", "d"].map((call) => take(0, call, places))))).toBe(3);
  expect(await take(0, "guaranteed-1", places, true)).toHaveProperty("fence");
  expect(await take(1, "guaranteed-2", places, true)).toHaveProperty("fence");
  expect(await take(1, "guaranteed-3", places, true)).toEqual({ refused: "pool" });
});

test("a call has its place however often it asks, and only its fence renews or releases it", async () => {
  const first = await take(0, "a");
  expect(await take(0, "a")).toEqual(first);
  expect(await shard(0).renew("a", first.fence + 1, 45)).toBe(false);
  await shard(0).release("a", first.fence + 1);
  expect(await shard(0).renew("a", first.fence, 45)).toBe(true);
  later(44);
  expect(await shard(0).renew("a", first.fence, 45)).toBe(true);
  later(46);
  expect(await shard(0).renew("a", first.fence, 45)).toBe(false);
});

test("calls that are renewed keep their places for long, whatever becomes of loans", async () => {
  const calls = await Promise.all(Array.from({ length: 10 }, async (_, call) => ({ call: `call-${call}`, ...(await take(call % 2, `call-${call}`)) })));
  for (let minute = 0; minute < 20; minute += 1) {
    later(15);
    const renewed = await Promise.all(calls.map(({ call, fence }, index) => shard(index % 2).renew(call, fence, 45)));
    expect(renewed.every(Boolean)).toBe(true);
    await runDurableObjectAlarm(shard(minute % 2));
    await settled();
    expect(await take(2, "one more")).toEqual({ refused: "pool" });
  }
});

test("the places of a shard that is gone come back when its loan is over, and never while its calls may live", async () => {
  await Promise.all(Array.from({ length: 10 }, (_, call) => take(0, `call-${call}`)));
  await gone(shard(0));
  later(45);
  expect(await take(1, "early")).toEqual({ refused: "pool" });
  later(76);
  expect(await take(1, "late")).toHaveProperty("fence");
});

test("a call is not renewed when the ledger does not answer and the loan would end first", async () => {
  const { fence } = await take(0, "a");
  await settled();
  await gone(object(vertical));
  later(44);
  expect(await shard(0).renew("a", fence, 45)).toBe(true);
  later(44);
  const answer = await shard(0)
    .renew("a", fence, 45)
    .catch((error) => error.message);
  expect(answer).toBe("gone");
});

test("a shard counts no calls of another vertical, and its own go on", async () => {
  const { fence } = await take(0, "a");
  await settled();
  const before = await lent();
  const answer = await shard(0)
    .take({ ...ask(0, "a"), vertical: `${vertical}-other` })
    .catch((error) => error.message);
  expect(answer).toBe(`${vertical}#0 counts no calls of ${vertical}-other`);
  await runDurableObjectAlarm(shard(0));
  await settled();
  expect((await object(`${vertical}-other`).status()).parts).toEqual({});
  expect(await shard(0).renew("a", fence, 45)).toBe(true);
  expect(await lent()).toEqual(before);
});

test("a shard does not count on a loan that it was asked to give back before it heard of it", async () => {
  await late(`${vertical}#0`);
  const waits = take(0, "first", { shared: 3 });
  await settled();
  expect((await lent()).shared.lent).toBe(3);
  expect(taken(await Promise.all(["a", "b", "c"].map((call) => take(1, call, { shared: 3 }))))).toBe(3);
  await late(null);
  expect(await waits).toEqual({ refused: "pool" });
  expect(await held(2)).toBe(3);
});

test("a shard counts no longer on what it gives up, also while the ledger's answer is on its way", async () => {
  const places = { shared: 10, block: 9 };
  const { fence } = await take(0, "first", places);
  await settled();
  await shard(0).release("first", fence);
  await late(`${vertical}#0`);
  later(15);
  await runDurableObjectAlarm(shard(0));
  await settled();
  const early = Promise.all(Array.from({ length: 10 }, (_, call) => take(0, `early-${call}`, places)));
  await settled();
  expect(taken(await Promise.all(Array.from({ length: 10 }, (_, call) => take(1, `call-${call}`, places))))).toBe(10);
  await late(null);
  expect(taken(await early)).toBe(0);
  expect(await held(2)).toBe(10);
});

test("the ledger heeds no message that a newer one overtook", async () => {
  const { fence } = await take(0, "first", { shared: 3, block: 9 });
  await settled();
  const { order } = await runInDurableObject(shard(0), ({ funds }) => funds.of("shared"));
  expect(taken(await Promise.all(["a", "b"].map((call) => take(1, call, { shared: 3, block: 9 }))))).toBe(2);
  await shard(0).release("first", fence);
  await settled();
  const before = await lent();
  const overtaken = { shard: `${vertical}#0`, part: "shared", holds: 1, used: 1, need: 1, block: 9, order, limit: 3, seconds: 120 };
  expect(await object(vertical).lend(overtaken)).toBeNull();
  expect(await lent()).toEqual(before);
});

test("what is lent and held outlives the objects' memory", async () => {
  const calls = await Promise.all(Array.from({ length: 6 }, (_, call) => take(call % 3, `call-${call}`, { shared: 6 })));
  await abortAllDurableObjects();
  expect(await take(3, "late", { shared: 6 })).toEqual({ refused: "pool" });
  expect(await shard(0).renew("call-0", calls[0].fence, 45)).toBe(true);
  expect(await held(3)).toBe(6);
});

test("fewer places admit nobody new and end no call; more are found at once", async () => {
  const calls = await Promise.all(Array.from({ length: 10 }, (_, call) => take(0, `call-${call}`)));
  expect(await take(1, "a", { shared: 5 })).toEqual({ refused: "pool" });
  later(40);
  expect(await shard(0).renew("call-9", calls[9].fence, 45)).toBe(true);
  expect(await take(1, "a", { shared: 11 })).toHaveProperty("fence");
});

test("a shard without calls gives back what it keeps", async () => {
  const { fence } = await take(0, "a", { shared: 100, block: 10 });
  await settled();
  expect((await lent()).shared.lent).toBeGreaterThan(1);
  await shard(0).release("a", fence);
  later(15);
  await runDurableObjectAlarm(shard(0));
  await settled();
  expect((await lent()).shared?.lent ?? 0).toBe(0);
});

test("a shard whose clock was put back asks the ledger before it counts on its loan again", async () => {
  const { fence } = await take(0, "a");
  await settled();
  await gone(object(vertical));
  later(-3600);
  const answer = await shard(0)
    .renew("a", fence, 45)
    .catch((error) => error.message);
  expect(answer).toBe("gone");
});

test("clocks that jump, forward or back, oversell nothing", async () => {
  for (const jump of [-3600, 7200, -86_400, 600]) {
    later(jump);
    await Promise.all(Array.from({ length: 30 }, (_, call) => take(call % 3, `${jump}-${call}`)));
    expect(await held(3)).toBeLessThanOrEqual(10);
    expect((await lent()).shared.lent).toBeLessThanOrEqual(10);
  }
});
