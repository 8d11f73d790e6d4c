// What a client and its vertical see of one call after the other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { allFree, arrive, arriveTogether, hangUp } from "./scenarios.mjs";
import { forThisFile } from "./under_test.mjs";

const { edge, world, caps } = await forThisFile();
const { cap } = caps.plans.starter;

/** Ask without an upgrade. */
async function ask(tenant, vertical, headers = {}) {
  const answer = await fetch(edge.at(`/calls/${vertical}`), { headers: { Authorization: `Bearer ${await tenant.token()}`, ...headers } });
  return { status: answer.status, retry: answer.headers.get("Retry-After"), body: await answer.json() };
}

test("a call is bridged to its vertical, which is told whose it is, by the token of Access", async () => {
  const tenant = await edge.tenant("acme", "starter");
  const client = await arrive(tenant, "salon", "call-1", { headers: { "headroom-tenant": "somebody", "headroom-call": "another" } });
  client.socket.send("hello");
  assert.equal(await client.next((message) => message === "hello"), "hello");
  const { access, ...told } = world.heard.at(-1);
  assert.deepEqual(told, { host: "salon-origin.local.example.com", call: "call-1", tenant: "acme" });
  assert.match(access, /^sha256:/); // as the account's file has it
  await client.hangUp();
  await allFree(edge, tenant);
});

test("without an upgrade the edge says how many calls would find room, and 429 with a time to come back where none would", async () => {
  const [tenant, other] = [await edge.tenant("asks", "starter"), await edge.tenant("other", "starter")];
  assert.deepEqual((await ask(tenant, "salon")).body, { free: cap });
  const { within } = await arriveTogether(tenant, "salon", cap);
  const full = await ask(tenant, "salon");
  assert.equal(full.status, 429);
  assert.ok(Number(full.retry) > 0);
  assert.equal(full.body.reason, "plan");
  assert.equal((await ask(other, "salon")).status, 200);
  await hangUp(within);
  await allFree(edge, tenant);
});

test("a refused caller is told politely, in its language, and then closed with 1013", async () => {
  const tenant = await edge.tenant("polite", "starter");
  const { within } = await arriveTogether(tenant, "salon", cap);
  const [first] = edge.settings.refusal.texts;
  for (const [wanted, [language, text]] of [
    ["es-MX, en;q=0.5", edge.settings.refusal.texts.find(([name]) => name === "es")],
    ["tlh", first],
  ]) {
    const client = await arrive(tenant, "salon", undefined, { headers: { "Accept-Language": wanted } });
    assert.deepEqual([client.first.type, client.first.reason, client.first.language, client.first.message], ["refused", "plan", language, text]);
    client.socket.send("no, thank you");
    await client.closed;
    assert.equal(client.code, 1013);
  }
  await hangUp(within);
  await allFree(edge, tenant);
});

test("a tenant whose plan nobody knows has no place", async () => {
  const tenant = await edge.tenant("lost", "unheard-of");
  assert.equal((await ask(tenant, "salon")).status, 503);
  assert.equal((await arrive(tenant, "salon")).first.reason, "gate");
});

test("where the vertical does not answer nobody is in, no place is kept, and the same token is good for another try", async () => {
  const tenant = await edge.tenant("patient", "starter");
  world.away = true;
  const client = await arrive(tenant, "salon", "again");
  world.away = false;
  assert.equal(client.first.reason, "upstream");
  await client.hangUp();
  await allFree(edge, tenant);
  const again = await arrive(tenant, "salon", "again");
  assert.equal(again.first.type, "headroom.started");
  await again.hangUp();
});
