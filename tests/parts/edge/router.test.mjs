// The router in workerd: its own gates, pools and KV, with sessions that only say what they were told.
import { env } from "cloudflare:workers";
import { createExecutionContext, reset, runInDurableObject, waitOnExecutionContext } from "cloudflare:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import router from "../../../components/edge/worker/src/router.js";
import { SETTINGS } from "./settings.mjs";

const CAPS = {
  plans: { starter: { cap: 3, guaranteed: 0, guarantees: {}, starts: { perSecond: 100, burst: 100 } } },
  verticals: { salon: 5, clinic: 5 },
  pools: { salon: { reserved: 0, shards: 2, block: 1 }, clinic: { reserved: 0, shards: 1, block: 1 } },
};
let keys;
let number = 0;
let tenant;
let bound;

beforeAll(async () => {
  keys = await generateKeyPair("EdDSA");
});

beforeEach(async () => {
  tenant = `tenant-${(number += 1)}`;
  await env.PLANS.put("caps", JSON.stringify(CAPS));
  await env.PLANS.put(`tenant:${tenant}`, JSON.stringify({ plan: "starter", keys: { k: await exportJWK(keys.publicKey) } }));
  bound = bindings();
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await reset();
});

/** The test's own objects, and sessions that note what they are asked. */
function bindings() {
  const asked = [];
  const answered = { status: 101 };
  const session = (jurisdiction) => ({
    idFromName: (name) => name,
    idFromString: (text) => {
      if (!/^[0-9a-f]{64}$/.test(text)) throw new TypeError("not an id");
      return text;
    },
    get: (id) => ({
      fetch: async (url, { headers }) => {
        asked.push({ id, jurisdiction, headers });
        if (answered.status !== 101) return new Response("no", { status: answered.status });
        const { 0: client, 1: server } = new WebSocketPair();
        server.accept();
        return new Response(null, { status: 101, webSocket: client });
      },
    }),
  });
  const queued = [];
  return {
    ...env,
    SETTINGS: { ...SETTINGS, verticals: { ...SETTINGS.verticals, clinic: { ...SETTINGS.verticals.clinic } } },
    SHIELD: { limit: async () => ({ success: true }) },
    CALLBACKS: { send: async (job) => void queued.push(job) },
    CALL_SESSION: { ...session(), jurisdiction: session },
    METRICS_TOKEN: "metrics-token",
    CALLBACKS_TOKEN: "callbacks-token",
    ACCESS_CLIENT_ID: "id",
    ACCESS_CLIENT_SECRET: "secret",
    asked,
    answered,
    queued,
  };
}

const token = (call = crypto.randomUUID(), claims = {}) => {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ sub: tenant, aud: SETTINGS.tokens.audience, jti: call, iat: now, exp: now + 60, ...claims })
    .setProtectedHeader({ alg: "EdDSA", kid: "k" })
    .sign(keys.privateKey);
};
const send = async (path, headers = {}, init = {}) => {
  const ctx = createExecutionContext();
  const answer = await router.fetch(new Request(`https://calls.example.com${path}`, { headers, ...init }), bound, ctx);
  await waitOnExecutionContext(ctx);
  return answer;
};
const call = async (vertical = "salon", id = crypto.randomUUID(), headers = {}) =>
  send(`/calls/${vertical}`, { Upgrade: "websocket", Authorization: `Bearer ${await token(id)}`, ...headers });
/** What a refused socket says, what it says to answers, and how it closes. */
const heard = async (answer, ...replies) => {
  const socket = answer.webSocket;
  const messages = [];
  const closed = new Promise((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
  socket.addEventListener("message", ({ data }) => messages.push(JSON.parse(data)));
  socket.accept();
  for (const reply of replies) socket.send(reply);
  return { code: await closed, messages };
};
const counts = async (name = tenant) => (await env.TENANT_GATE.get(env.TENANT_GATE.idFromName(name)).status()).counts;

test("the session is told by the router who calls, whatever the client's headers say", async () => {
  const answer = await call("salon", "call-1", { "headroom-tenant": "somebody", "headroom-call": "other", "headroom-gate-fence": "99" });
  expect(answer.status).toBe(101);
  const [{ id, headers }] = bound.asked;
  expect(id).toBe(`${tenant}/call-1`);
  expect(headers).toEqual({
    Upgrade: "websocket",
    "headroom-call": "call-1",
    "headroom-tenant": tenant,
    "headroom-plan": "starter",
    "headroom-vertical": "salon",
    "headroom-gate-fence": "1",
    "headroom-shard": expect.stringMatching(/^salon#[01]$/),
    "headroom-shard-fence": expect.stringMatching(/^\d+$/),
    "headroom-leased-at": expect.stringMatching(/^\d+$/),
  });
});

test("a vertical with a jurisdiction has its sessions there, another anywhere, also those that are gone on with", async () => {
  await call("clinic");
  await call("salon");
  const resume = `${"a".repeat(64)}.secret`;
  await send(`/calls/clinic?resume=${resume}`, { Upgrade: "websocket" });
  expect(bound.asked.map(({ jurisdiction }) => jurisdiction)).toEqual(["us", undefined, "us"]);
  expect(bound.asked[2]).toMatchObject({ id: "a".repeat(64), headers: { "headroom-resume": resume, "headroom-vertical": "clinic" } });
});

test("browsers get the subprotocol that they asked for, admitted or refused", async () => {
  const headers = async () => ({ Upgrade: "websocket", "Sec-WebSocket-Protocol": `headroom, token.${await token()}` });
  const answers = [];
  for (let each = 0; each < 4; each += 1) answers.push(await send("/calls/salon", await headers()));
  expect(answers.map((answer) => [answer.status, answer.headers.get("Sec-WebSocket-Protocol")])).toEqual(Array(4).fill([101, "headroom"]));
  expect(bound.asked).toHaveLength(3);
});

test("a full plan refuses politely, in the caller's language, and the offer of a callback is taken once", async () => {
  for (let each = 0; each < 3; each += 1) await call();
  const id = crypto.randomUUID();
  const refusal = await call("salon", id, { "Accept-Language": "es-MX, en;q=0.5" });
  const [reply, another] = ["+15551234567", "+15557654321"].map((to) => JSON.stringify({ type: "callback", to }));
  const { code, messages } = await heard(refusal, reply, another);
  expect(code).toBe(1013);
  expect(messages).toEqual([
    {
      type: "refused",
      reason: "plan",
      message: "Todas las líneas están ocupadas.",
      language: "es",
      retryAfterSeconds: 30,
      callback: { seconds: 2, reply: { type: "callback", to: "<reference>" } },
    },
    { type: "queued" },
  ]);
  expect(bound.queued).toEqual([{ call: id, tenant, vertical: "salon", plan: "starter", reference: "+15551234567" }]);
  expect(await counts()).toEqual({ admitted: 3, "refused:plan": 1, queued: 1 });
});

test("whoever answers something else, or nothing, is let go with 1013 and queued nowhere", async () => {
  for (let each = 0; each < 3; each += 1) await call();
  expect((await heard(await call(), "{}")).messages[1]).toEqual({ type: "error", reason: "reference" });
  expect((await heard(await call(), new ArrayBuffer(8))).code).toBe(1013);
  expect(await heard(await call())).toMatchObject({ code: 1013, messages: [{ type: "refused" }] });
  expect(bound.queued).toEqual([]);
});

test("where no gateway takes callbacks none is offered, and the socket closes at once", async () => {
  for (let each = 0; each < 3; each += 1) await call("clinic");
  const { code, messages } = await heard(await call("clinic"));
  expect([code, "callback" in messages[0]]).toEqual([1013, false]);
});

test("a full vertical gives the place of the plan back, and the token stays good", async () => {
  await env.PLANS.put("caps", JSON.stringify({ ...CAPS, verticals: { salon: 0, clinic: 5 } }));
  const [answer] = (await heard(await call("salon", "call-1"), "{}")).messages;
  expect(answer.reason).toBe("pool");
  await env.PLANS.put("caps", JSON.stringify(CAPS));
  expect((await call("salon", "call-1")).status).toBe(101);
  expect(await counts()).toEqual({ admitted: 2, "refused:pool": 1 });
});

test("a session without an upstream gives both places back, and one that runs is left alone", async () => {
  bound.answered.status = 502;
  const [answer] = (await heard(await call("salon", "call-1"), "{}")).messages;
  expect(answer.reason).toBe("upstream");
  const gate = env.TENANT_GATE.get(env.TENANT_GATE.idFromName(tenant));
  await vi.waitFor(async () => expect((await gate.status()).active).toBe(0), 20_000);
  bound.answered.status = 409;
  expect((await call("salon", "call-1")).status).toBe(409);
  expect((await gate.status()).active).toBe(1);
});

test("a token that was used is refused as one", async () => {
  await call("salon", "call-1");
  const gate = env.TENANT_GATE.get(env.TENANT_GATE.idFromName(tenant));
  await gate.release("call-1", 1);
  const answer = await call("salon", "call-1");
  expect([answer.status, await answer.json()]).toEqual([401, { error: "replayed" }]);
});

test("a token whose call runs is good for no other vertical, and holds one place of one pool", async () => {
  expect((await call("salon", "call-1")).status).toBe(101);
  const answer = await call("clinic", "call-1");
  expect([answer.status, await answer.json()]).toEqual([401, { error: "replayed" }]);
  expect(bound.asked).toHaveLength(1);
  const { "headroom-shard": shard } = bound.asked[0].headers;
  const counting = env.POOL.get(env.POOL.idFromName(shard));
  expect((await runInDurableObject(counting, ({ funds }) => funds.self())).vertical).toBe("salon");
  expect((await env.POOL.get(env.POOL.idFromName("clinic")).status()).parts).toEqual({});
  expect(await counts()).toEqual({ admitted: 1, "refused:replayed": 1 });
});

test("without an upgrade it says whether there is room, and if not when to ask again", async () => {
  const ask = async () => send("/calls/salon", { Authorization: `Bearer ${await token()}` });
  expect(await (await ask()).json()).toEqual({ free: 3 });
  for (let each = 0; each < 3; each += 1) await call();
  const full = await ask();
  expect([full.status, full.headers.get("Retry-After"), full.headers.get("Content-Language")]).toEqual([429, "30", "en"]);
  expect(await full.json()).toMatchObject({ type: "refused", reason: "plan", message: "All lines are busy." });
  await env.PLANS.delete("caps");
  expect((await ask()).status).toBe(503);
});

test("what KV does not know is refused: fail closed", async () => {
  for (const caps of [null, {}, { ...CAPS, plans: {} }, { ...CAPS, verticals: {} }, { ...CAPS, pools: {} }]) {
    await env.PLANS.put("caps", JSON.stringify(caps));
    expect((await heard(await call(), "{}")).messages[0].reason).toBe("gate");
  }
  expect(bound.asked).toEqual([]);
});

test("objects that do not answer admit nobody", async () => {
  const silent = { idFromName: (name) => name, get: () => ({ take: async () => Promise.reject(new Error("overloaded")), cancel: async () => {} }) };
  bound.POOL = silent;
  expect((await heard(await call(), "{}")).messages[0].reason).toBe("gate");
  bound.TENANT_GATE = silent;
  expect((await heard(await call(), "{}")).messages[0].reason).toBe("gate");
  expect(bound.asked).toEqual([]);
});

test("a tenant with a vertical of its own calls no other", async () => {
  await env.PLANS.put(`tenant:${tenant}`, JSON.stringify({ plan: "starter", vertical: "clinic", keys: { k: await exportJWK(keys.publicKey) } }));
  expect([(await call("salon")).status, (await call("clinic")).status]).toEqual([403, 101]);
});

test.each(["/calls/", "/calls", "/", "/calls/salon/more", "/calls/__proto__", "/calls/constructor", "/call/salon", "/calls/Salon"])(
  "%s is nowhere",
  async (path) => expect((await send(path, { Authorization: `Bearer ${await token()}` })).status).toBe(404),
);

test("whoever asks too often, by another method, or without a token is told so", async () => {
  expect((await send("/calls/salon", {}, { method: "POST", body: "x" })).status).toBe(405);
  expect((await send("/calls/salon")).status).toBe(401);
  bound.SHIELD.limit = async () => ({ success: false });
  const answer = await call();
  expect([answer.status, answer.headers.get("Retry-After")]).toEqual([429, "30"]);
});

test("nothing that is sent as a path, a token or a header admits anybody or is an exception", async () => {
  const text = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(text, text, text, fc.boolean(), async (path, authorization, resume, upgrade) => {
      const headers = { Authorization: `Bearer ${authorization}`, "Sec-WebSocket-Protocol": authorization, ...(upgrade && { Upgrade: "websocket" }) };
      for (const at of [`/${path}`, "/calls/salon", `/calls/salon?resume=${encodeURIComponent(resume)}`]) {
        expect((await send(at, headers)).status).toBeGreaterThanOrEqual(400);
      }
    }),
    { numRuns: 150 },
  );
  expect(bound.asked).toEqual([]);
});

test("a callback that is queued is told so, though nobody counts it", async () => {
  for (let each = 0; each < 3; each += 1) await call();
  const refusal = await call();
  const gates = env.TENANT_GATE;
  bound.TENANT_GATE = { idFromName: (name) => name, get: () => ({ count: async () => Promise.reject(new Error("overloaded")) }) };
  const { messages } = await heard(refusal, JSON.stringify({ type: "callback", to: "contact-17" }));
  bound.TENANT_GATE = gates;
  expect(messages[1]).toEqual({ type: "queued" });
  expect(bound.queued).toHaveLength(1);
});

test("a gate or a ledger that does not answer hides no other: a series says that it is missing", async () => {
  await call();
  await env.PLANS.put("tenant:silent", JSON.stringify({ plan: "starter", keys: {} }));
  const silent = (objects, name) => ({
    idFromName: (of) => of,
    get: (of) => (of === name ? { status: async () => Promise.reject(new Error("overloaded")) } : objects.get(objects.idFromName(of))),
  });
  Object.assign(bound, { TENANT_GATE: silent(env.TENANT_GATE, "silent"), POOL: silent(env.POOL, "clinic") });
  const answer = await send("/metrics", { Authorization: "Bearer metrics-token" });
  const lines = (await answer.text()).split("\n");
  expect(lines).toContain(`headroom_edge_active_calls{tenant="${tenant}"} 1`);
  expect(lines.filter((line) => line.startsWith("headroom_edge_unanswered"))).toEqual([
    'headroom_edge_unanswered{tenant="silent"} 1',
    'headroom_edge_unanswered{vertical="clinic"} 1',
  ]);
  expect(lines.some((line) => line.startsWith("headroom_edge_places_lent{vertical=\"salon\""))).toBe(true);
  expect(lines.some((line) => line.includes("silent") && !line.startsWith("headroom_edge_unanswered"))).toBe(false);
});

test("a token that was set empty opens nothing", async () => {
  bound.METRICS_TOKEN = "";
  for (const path of ["/metrics", "/admin/tenants"]) {
    expect((await send(path)).status).toBe(401);
    expect((await send(path, { Authorization: "Bearer " })).status).toBe(401);
  }
});

test("people of the house see all with the token, and nobody else sees anything", async () => {
  await call();
  for (const path of ["/metrics", "/admin/tenants", `/admin/tenants/${tenant}`, "/admin/verticals/salon"]) {
    expect((await send(path)).status).toBe(401);
    expect((await send(path, { Authorization: "Bearer metrics-tokem" })).status).toBe(401);
    expect((await send(path, { Authorization: "Bearer metrics-token" })).status).toBe(200);
  }
  const of = async (path) => send(path, { Authorization: "Bearer metrics-token" });
  const lines = (await (await of("/metrics")).text()).split("\n");
  expect(lines).toContain(`headroom_edge_active_calls{tenant="${tenant}"} 1`);
  expect(lines).toContain(`headroom_edge_admitted_total{tenant="${tenant}"} 1`);
  expect(await (await of(`/metrics?tenant=${tenant}`)).text()).not.toContain("tenant-1\"");
  expect((await of("/metrics?tenant=nobody")).status).toBe(404);
  expect((await of("/admin/tenants/nobody")).status).toBe(404);
  expect((await of("/admin/verticals/toString")).status).toBe(404);
  expect(await (await of("/admin/tenants")).json()).toEqual({ tenants: expect.arrayContaining([tenant]) });
});

test("callbacks go to the gateway of their vertical: taken, refused for good, or again later each time", async () => {
  const posted = [];
  const answers = { taken: 202, known: 200, full: 503, never: 422, locked: 401 };
  vi.stubGlobal("fetch", async (url, init) => {
    const body = JSON.parse(init.body);
    posted.push({ url: String(url), body, authorization: init.headers.Authorization, access: init.headers["CF-Access-Client-Id"] });
    if (body.call === "gone") throw new TypeError("no route");
    return new Response("", { status: answers[body.call], headers: body.call === "full" ? { "Retry-After": "45" } : {} });
  });
  const job = (id, vertical = "salon") => ({ call: id, tenant, vertical, plan: "starter", reference: "ref" });
  const outcome = {};
  const message = (body) => ({
    attempts: 3,
    body,
    ack: () => (outcome[body.call] = "done"),
    retry: ({ delaySeconds }) => (outcome[body.call] = delaySeconds),
  });
  const jobs = [...[...Object.keys(answers), "gone"].map((id) => job(id)), job("nowhere", "clinic")];
  await router.queue({ messages: jobs.map(message) }, bound);
  expect(outcome).toEqual({ taken: "done", known: "done", never: "done", nowhere: "done", full: 45, locked: 40, gone: 40 });
  expect(posted[0]).toEqual({
    url: "https://callbacks-origin.example.com/callbacks",
    body: job("taken"),
    authorization: "Bearer callbacks-token",
    access: "id",
  });
  expect(await counts()).toEqual({ callbacks_refused: 2 });
});
