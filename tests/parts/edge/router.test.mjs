// The router's choices, with objects in the place of its bindings. Run by test_edge.py: node --test.
import assert from "node:assert/strict";
import { test } from "node:test";
import router from "../../../components/edge/worker/src/router.js";

/** Bindings of which every object admits, and what they were asked for. */
function bindings(verticals) {
  const asked = [];
  const session = { fetch: async (url, init) => ({ status: 101, webSocket: {}, headers: init.headers }) };
  const places = { idFromName: (name) => name, get: () => ({ take: async () => true, held: async () => 0, release: async () => {} }) };
  const namespace = (jurisdiction) => ({ idFromName: (name) => name, get: (id) => (asked.push({ jurisdiction, id }), session) });
  const caps = { plans: { starter: { cap: 5 } }, verticals: { clinic: 9, salon: 9 } };
  return {
    asked,
    SETTINGS: { verticals, leaseSeconds: 45, retryAfterSeconds: 30 },
    PLANS: { get: async (key) => (key === "caps" ? caps : { tenant: "acme", plan: "starter" }) },
    SHIELD: { limit: async () => ({ success: true }) },
    TENANT_GATE: places,
    POOL: places,
    CALL_SESSION: { ...namespace(undefined), jurisdiction: (name) => namespace(name) },
  };
}

const VERTICALS = { clinic: { upstream: "https://clinic", jurisdiction: "us" }, salon: { upstream: "https://salon" } };
const call = (vertical, headers = {}) =>
  new Request(`https://calls/calls/${vertical}`, { headers: { Authorization: "Bearer k", Upgrade: "websocket", "headroom-call": "1", ...headers } });

test("a vertical with a jurisdiction has its sessions there, another anywhere", async () => {
  const env = bindings(VERTICALS);
  await router.fetch(call("clinic"), env, {});
  await router.fetch(call("salon"), env, {});
  assert.deepEqual(env.asked, [
    { jurisdiction: "us", id: "acme/1" },
    { jurisdiction: undefined, id: "acme/1" },
  ]);
});

test("the session is told by the router who calls, whatever the client's headers say", async () => {
  const env = bindings(VERTICALS);
  const { headers } = await router.fetch(call("salon", { "headroom-tenant": "somebody", "headroom-vertical": "clinic" }), env, {});
  assert.deepEqual(headers, { Upgrade: "websocket", "headroom-call": "1", "headroom-tenant": "acme", "headroom-vertical": "salon" });
});

for (const path of ["", "salon/more", "__proto__", "constructor", "toString"]) {
  test(`/calls/${path} is no vertical`, async () => {
    assert.equal((await router.fetch(call(path), bindings(VERTICALS), {})).status, 404);
  });
}

test("whoever asks too often is told when to ask again", async () => {
  const env = bindings(VERTICALS);
  env.SHIELD.limit = async () => ({ success: false });
  const answer = await router.fetch(call("salon"), env, {});
  assert.equal(answer.status, 429);
  assert.equal(answer.headers.get("Retry-After"), "30");
});
