// Calls and tenants keep apart, whatever they are named and however often they ask.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { shardOf } from "../../components/edge/worker/src/shards.js";
import { active, allFree, arrive, arriveTogether, eventually, hangUp, pause, reasons } from "./scenarios.mjs";
import { forThisFile } from "./under_test.mjs";

const { edge, world, caps } = await forThisFile();
const { cap } = caps.plans.starter;
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

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

/** Salon's places on four shards, some of them set aside; no deployed vertical is so large that it needs more shards than one. */
const [PLACES, RESERVED, GUARANTEED, SHARDS] = [80, 20, 3, 4];
const sharded = {
  ...caps,
  plans: { ...caps.plans, starter: { ...caps.plans.starter, guarantees: { salon: GUARANTEED } } },
  verticals: { ...caps.verticals, salon: PLACES },
  pools: { ...caps.pools, salon: { reserved: RESERVED, shards: SHARDS, block: 4 } },
};
const lent = async (part) => (await edge.metrics())[`headroom_edge_places_lent{vertical="salon",part="${part}"}`] ?? 0;
const allReturned = () => eventually("places that are lent", async () => (await lent("shared")) + (await lent("reserved")), (places) => places === 0, 60);
/** No more is lent than there is; of what all share, everything. */
const lentWithin = async () => {
  assert.equal(await lent("shared"), PLACES - RESERVED);
  assert.ok((await lent("reserved")) <= RESERVED);
};
/** Call by call, each on a shard of its own choice. */
const arriveOn = (tenant, shards, count) =>
  Promise.all(Array.from({ length: count }, (_, index) => arrive(tenant, "salon", named(tenant, `salon#${shards[index % shards.length]}`))));
const named = (tenant, shard) => {
  for (;;) {
    const name = randomUUID();
    if (shardOf("salon", SHARDS, tenant.id, name) === shard) return name;
  }
};

test("a vertical on several shards is full to its last place and never oversold, and what is guaranteed is found in it", async () => {
  await allReturned();
  await edge.putCaps(sharded);
  const tenants = await Promise.all(Array.from({ length: 6 }, () => edge.tenant(`crowd-${randomUUID()}`, "starter")));
  const found = await Promise.all(tenants.map((tenant) => arriveTogether(tenant, "salon", cap)));
  const within = found.map((each) => each.within.length);
  assert.equal(sum(within), PLACES - RESERVED + tenants.length * GUARANTEED, within.join());
  assert.ok(within.every((calls) => calls >= GUARANTEED), within.join());
  assert.equal(reasons(found.flatMap((each) => each.refused)), `${tenants.length * cap - sum(within)} pool`);
  await lentWithin();
  // Of the reserve two places are left, wherever they are kept.
  const late = await edge.tenant(`late-${randomUUID()}`, "starter");
  const last = await arriveTogether(late, "salon", GUARANTEED);
  assert.equal(last.within.length, RESERVED - tenants.length * GUARANTEED, reasons(last.refused));
  await hangUp([...found, last].flatMap((each) => [...each.within, ...each.refused]));
  await Promise.all([...tenants, late].map((tenant) => allFree(edge, tenant)));
  // All that the shards had borrowed is there again for one tenant after another.
  const { within: again, refused } = await arriveTogether(tenants[0], "salon", cap);
  assert.equal(again.length, cap, JSON.stringify(refused[0]?.first));
  await hangUp(again);
  await allFree(edge, tenants[0]);
});

test("a hot shard gets what cold ones keep beside, to the last place, and all are renewed", async () => {
  await allReturned();
  await edge.putCaps(sharded);
  const [cold, hot, more] = await Promise.all(["cold", "hot", "more"].map((name) => edge.tenant(`${name}-${randomUUID()}`, "starter")));
  const few = await arriveOn(cold, [1, 2, 3], 9);
  assert.equal(few.filter((client) => client.refused).length, 0, reasons(few));
  // Of each tenant's calls the guaranteed ones hold no shared place.
  const [first, rest] = [await arriveOn(hot, [0], cap), await arriveOn(more, [0], cap)];
  const within = [...few, ...first, ...rest].filter((client) => !client.refused);
  assert.equal(within.length, PLACES - RESERVED + 3 * GUARANTEED, reasons([...first, ...rest]));
  await pause((edge.settings.leaseSeconds + edge.settings.heartbeatSeconds) * 1000);
  assert.equal(within.filter((client) => client.code !== 0).length, 0, "calls with a place were ended");
  await lentWithin();
  await hangUp([...few, ...first, ...rest]);
  await Promise.all([cold, hot, more].map((tenant) => allFree(edge, tenant)));
  await edge.putCaps(caps);
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
  for (const to of ["contact-17", "contact-18"]) late.socket.send(JSON.stringify({ type: "callback", to }));
  const posted = () => world.posted.filter((each) => each.tenant === "eager");
  const [job] = await eventually("the queue", posted, (found) => found.length > 0, 30);
  assert.deepEqual(job, { call: late.name, tenant: "eager", vertical: "salon", plan: "starter", reference: "contact-17" });
  // A second job would come with the next batch, a second later.
  await pause(3000);
  assert.equal(posted().length, 1);
  await hangUp([...within, late]);
});
