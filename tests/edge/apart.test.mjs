// Calls and tenants keep apart, whatever they are named and however often they ask.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { active, allFree, arrive, arriveTogether, eventually, hangUp, pause, reasons } from "./scenarios.mjs";
import { forThisFile } from "./under_test.mjs";

const { edge, world, caps } = await forThisFile();
const { cap } = caps.plans.starter;

test("of many that open one call at once, one is in and it holds one place", async () => {
  const tenant = await edge.tenant("twice", "starter");
  const clients = await Promise.all(Array.from({ length: 40 }, () => arrive(tenant, "salon", "the-call")));
  const within = clients.filter((client) => client.status === 101 && !client.refused);
  assert.equal(within.length, 1);
  assert.deepEqual([...new Set(clients.filter((client) => client !== within[0]).map((client) => client.status))], [409]);
  assert.equal(await active(edge, tenant), 1);
  assert.deepEqual(world.live(tenant.id), ["the-call"]);
  await hangUp(within);
  await allFree(edge, tenant);
  const again = await arrive(tenant, "salon", "the-call");
  assert.ok(again.refused, "a token was good for a second call");
});

test("two tenants that name their calls alike have a call and a conversation each, and caps of their own", async () => {
  const [a, b] = [await edge.tenant("acme", "starter"), await edge.tenant("bolt", "starter")];
  const [ofA, ofB] = [await arrive(a, "salon", "same"), await arrive(b, "salon", "same")];
  assert.ok(!ofA.refused && !ofB.refused);
  for (let number = 0; number < 50; number += 1) {
    ofA.socket.send(`a-${number}`);
    ofB.socket.send(`b-${number}`);
  }
  await ofA.next((message) => message === "a-49");
  await ofB.next((message) => message === "b-49");
  const said = (client) => client.messages.filter((message) => /^[ab]-/.test(message));
  assert.deepEqual(said(ofA), Array.from({ length: 50 }, (_, number) => `a-${number}`));
  assert.deepEqual(said(ofB), Array.from({ length: 50 }, (_, number) => `b-${number}`));
  assert.notEqual(ofA.first.resume, ofB.first.resume);
  const full = await arriveTogether(a, "salon", cap + 5);
  assert.equal(full.within.length, cap - 1);
  const another = await arrive(b, "salon");
  assert.ok(!another.refused, "one tenant's cap held back the other");
  await hangUp([ofA, ofB, another, ...full.within, ...full.refused]);
  await Promise.all([a, b].map((tenant) => allFree(edge, tenant)));
});

test("one tenant's resume token does not open another's call", async () => {
  const [a, b] = [await edge.tenant("asker", "starter"), await edge.tenant("holder", "starter")];
  const [ofA, ofB] = [await arrive(a, "salon", "mine"), await arrive(b, "salon", "mine")];
  const parts = (client) => client.first.resume.split(".");
  const forged = [...parts(ofB).slice(0, -1), parts(ofA).at(-1)].join(".");
  const thief = await edge.resume("salon", forged);
  if (thief.status === 101) {
    await thief.closed;
    assert.notEqual(thief.code, 1000);
    assert.ok(thief.messages.every((message) => message.type === "refused" || message.type === "error"));
  } else {
    assert.ok(thief.status >= 400 && thief.status < 500, String(thief.status));
  }
  ofB.socket.send("still mine");
  assert.equal(await ofB.next((message) => message === "still mine"), "still mine");
  await hangUp([ofA, ofB, thief]);
});

test("hundreds of calls on one shard are renewed again and again, and not one is lost", async () => {
  const tenant = await edge.tenant("storm", "growth");
  const count = caps.plans.growth.cap;
  const within = [];
  while (within.length < count) {
    const more = await arriveTogether(tenant, "sales", Math.min(25, count - within.length));
    assert.equal(more.refused.length, 0, reasons(more.refused));
    within.push(...more.within);
  }
  await pause((edge.settings.leaseSeconds + edge.settings.heartbeatSeconds) * 1000);
  assert.equal(await active(edge, tenant), count);
  assert.equal(world.live(tenant.id).length, count);
  assert.equal(within.filter((client) => client.code !== 0).length, 0);
  await hangUp(within);
  await allFree(edge, tenant);
});

test("a vertical is never oversold, however many tenants race for it, and is full but for what shards keep", async () => {
  const tenants = await Promise.all(Array.from({ length: 6 }, () => edge.tenant(`crowd-${randomUUID()}`, "starter")));
  const { salon: places } = caps.verticals;
  const shared = places - caps.pools.salon.reserved;
  const found = await Promise.all(tenants.map((tenant) => arriveTogether(tenant, "salon", cap)));
  const within = found.flatMap((each) => each.within);
  assert.ok(within.length <= places, `${within.length} are in ${places} places`);
  assert.ok(within.length <= shared + tenants.length * (caps.plans.starter.guarantees.salon ?? 0));
  assert.ok(within.length >= 1);
  const reasons = new Set(found.flatMap((each) => each.refused).map((client) => client.first?.reason));
  assert.ok(reasons.size > 0 && !reasons.has("plan"), [...reasons].join());
  await hangUp(found.flatMap((each) => [...each.within, ...each.refused]));
  await Promise.all(tenants.map((tenant) => allFree(edge, tenant)));
  // All that the shards had borrowed is there again for one tenant after another.
  const { within: again, refused } = await arriveTogether(tenants[0], "salon", cap);
  assert.equal(again.length, cap, JSON.stringify(refused[0]?.first));
  await hangUp(again);
});

test("calls that start too fast are refused, and a second later as many may start as the plan sells a second", async () => {
  const starts = { perSecond: 4, burst: 10 };
  await edge.putCaps({ ...caps, plans: { ...caps.plans, starter: { ...caps.plans.starter, starts } } });
  const tenant = await edge.tenant("hasty", "starter");
  const { within, refused } = await arriveTogether(tenant, "salon", 30);
  assert.ok(within.length >= starts.burst && within.length < 20, `${within.length} started at once`);
  assert.equal(reasons(refused), `${30 - within.length} starts`);
  await pause(1100);
  const later = await arriveTogether(tenant, "salon", 30);
  assert.ok(later.within.length >= starts.perSecond && later.within.length < 20, `${later.within.length} started a second later`);
  await edge.putCaps(caps);
  await hangUp([...within, ...refused, ...later.within, ...later.refused]);
});

test("a refused caller who wants to be called back is queued, once", async () => {
  const tenant = await edge.tenant("eager", "starter");
  const { within, refused } = await arriveTogether(tenant, "salon", cap + 1);
  const [late] = refused;
  assert.ok(late.first.callback, JSON.stringify(late.first));
  late.socket.send(JSON.stringify({ type: "callback", to: "contact-17" }));
  const job = await eventually("the queue", () => [...world.jobs.values()].find((each) => each.tenant === "eager"), (found) => found !== undefined, 30);
  assert.deepEqual(job, { call: late.name, tenant: "eager", vertical: "salon", plan: "starter", reference: "contact-17" });
  await hangUp([...within, late]);
});
