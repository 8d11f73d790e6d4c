// What must hold of the gate, whoever wrote it: each scenario throws an AssertionError where it does not.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

/** Call with a new call of the tenant; the client once it knows whether it is in. */
export async function arrive(tenant, vertical, name = randomUUID(), options) {
  const client = await tenant.call(vertical, name, options);
  client.name = name;
  client.first = client.status === 101 ? await client.next() : null;
  client.refused = client.first === null || client.first.type === "refused";
  return client;
}

/** Many at once: those who are in, and those who are not. */
export async function arriveTogether(tenant, vertical, count) {
  const clients = await Promise.all(Array.from({ length: count }, () => arrive(tenant, vertical)));
  return { within: clients.filter((client) => !client.refused), refused: clients.filter((client) => client.refused) };
}

/** How many were refused for which reason. */
export function reasons(refused) {
  const counts = {};
  for (const { status, body, first } of refused) {
    const reason = first?.reason ?? `${status} ${body?.error ?? ""}`;
    counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return Object.entries(counts).map(([reason, count]) => `${count} ${reason}`).join(", ");
}

export const hangUp = (clients) => Promise.all(clients.map((client) => client.hangUp()));

export const active = async (edge, tenant) => (await edge.metrics())[`headroom_edge_active_calls{tenant="${tenant.id}"}`] ?? 0;

/** Wait until it holds; fails with what was last found. */
export async function eventually(what, found, wanted, seconds = 20) {
  const until = Date.now() + seconds * 1000;
  let last;
  do {
    last = await found();
    if (wanted(last)) return last;
    await pause(50);
  } while (Date.now() < until);
  assert.fail(`${what}: still ${JSON.stringify(last)} after ${seconds} s`);
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const allFree = (edge, tenant, seconds) => eventually("places that are held", () => active(edge, tenant), (held) => held === 0, seconds);

/** Many clients race for few places, again and again. */
export async function race(edge, world, { plan, cap, vertical, clients, rounds }) {
  const tenant = await edge.tenant(`race-${randomUUID()}`, plan);
  for (let round = 0; round < rounds; round += 1) {
    const { within, refused } = await arriveTogether(tenant, vertical, clients);
    assert.equal(within.length, cap, `round ${round}: ${within.length} came in to ${cap} places; ${reasons(refused)}`);
    assert.equal(reasons(refused), `${clients - cap} plan`, `round ${round}`);
    assert.ok(world.peak(tenant.id) <= cap, `round ${round}: ${world.peak(tenant.id)} were under way at once`);
    await hangUp([...refused, ...within]);
    await allFree(edge, tenant);
  }
}

/** workerd is gone for longer than a lease stands: its places are free for others, and nobody who held one goes on. */
export async function expiry(edge, world, { plan, cap, vertical }) {
  const tenant = await edge.tenant(`expiry-${randomUUID()}`, plan);
  const { within } = await arriveTogether(tenant, vertical, cap);
  assert.equal(within.length, cap);
  await edge.crash({ seconds: edge.settings.leaseSeconds + 1 });
  const others = await arriveTogether(tenant, vertical, cap + 10);
  assert.equal(others.within.length, cap, `${others.within.length} came in where ${cap} leases had expired`);
  const back = await Promise.all(within.map((client) => resume(edge, vertical, client)));
  assert.equal(back.filter((client) => !client.refused).length, 0, "calls whose leases had expired went on");
  await pause(edge.settings.heartbeatSeconds * 2000);
  assert.ok(world.peak(tenant.id) <= cap, `${world.peak(tenant.id)} were under way at once`);
  assert.equal(others.within.filter((client) => client.code !== 0).length, 0, "calls with a place were ended");
  await hangUp([...others.within, ...others.refused, ...back]);
  await allFree(edge, tenant);
}

/** Sessions die without a word to anybody: their places are held until their leases are over, and free from then on. */
export async function abandoned(edge, world, { plan, cap, vertical }) {
  const tenant = await edge.tenant(`abandoned-${randomUUID()}`, plan);
  const { within } = await arriveTogether(tenant, vertical, cap);
  assert.equal(within.length, cap);
  await edge.crash({ losing: "CallSession" });
  const early = await arriveTogether(tenant, vertical, 10);
  assert.equal(early.within.length, 0, `${early.within.length} came in while ${cap} leases stood`);
  await allFree(edge, tenant, edge.settings.leaseSeconds + 5);
  const others = await arriveTogether(tenant, vertical, cap + 10);
  assert.equal(others.within.length, cap, `${others.within.length} came in where ${cap} leases had expired`);
  await hangUp([...others.within, ...others.refused, ...early.refused]);
  await allFree(edge, tenant);
}

/** workerd is killed in the middle: who had a place has it still, comes back to it, and nobody else gets it. */
export async function restart(edge, world, { plan, cap, vertical }) {
  const tenant = await edge.tenant(`restart-${randomUUID()}`, plan);
  const { within } = await arriveTogether(tenant, vertical, cap);
  assert.equal(within.length, cap);
  await edge.crash();
  await Promise.all(within.map((client) => client.closed));
  const [others, back] = await Promise.all([
    arriveTogether(tenant, vertical, cap + 50),
    Promise.all(within.map((client) => resume(edge, vertical, client))),
  ]);
  const went = back.filter((client) => !client.refused).length;
  assert.ok(went + others.within.length <= cap, `${went} came back and ${others.within.length} came in to ${cap} places`);
  assert.equal(went, cap, "calls whose places stood did not come back");
  assert.ok(world.peak(tenant.id) <= cap, `${world.peak(tenant.id)} were under way at once`);
  await hangUp([...back, ...others.within, ...others.refused]);
  await allFree(edge, tenant);
}

/** workerd is killed while calls race: who was told that it is in has its place still, and the places of all others come free. */
export async function interrupted(edge, world, { plan, cap, vertical }) {
  const tenant = await edge.tenant(`interrupted-${randomUUID()}`, plan);
  const racing = arriveTogether(tenant, vertical, 3 * cap);
  while (world.live(tenant.id).length < cap / 5) await pause(1);
  await edge.crash();
  const { within, refused } = await racing;
  assert.ok(refused.some((client) => client.first === null), "the race was over before the crash");
  const others = await arriveTogether(tenant, vertical, cap + 50);
  const back = await Promise.all(within.map((client) => resume(edge, vertical, client)));
  const went = back.filter((client) => !client.refused).length;
  assert.equal(went, within.length, "calls whose places stood did not come back");
  assert.ok(went + others.within.length <= cap, `${went} came back and ${others.within.length} came in to ${cap} places`);
  assert.ok(world.peak(tenant.id) <= cap, `${world.peak(tenant.id)} were under way at once`);
  await hangUp([...back, ...others.within, ...others.refused]);
  const { leaseSeconds, session } = edge.settings;
  await allFree(edge, tenant, session.resumeSeconds + leaseSeconds + 5);
  const again = await arriveTogether(tenant, vertical, cap + 10);
  assert.equal(again.within.length, cap, reasons(again.refused));
  await hangUp([...again.within, ...again.refused]);
  await allFree(edge, tenant);
}

/** Come back to a call that was cut, by the token that it was given. */
export async function resume(edge, vertical, client) {
  const back = await edge.resume(vertical, client.first.resume);
  back.first = back.status === 101 ? await back.next() : null;
  back.refused = back.first === null || back.first.type === "refused";
  return back;
}
