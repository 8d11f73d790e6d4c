// Whatever a client sends, nobody comes in by it, and calls under way go on.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { connect } from "node:net";
import { test } from "node:test";
import { call } from "../parts/edge/clients.mjs";
import { allFree, arrive, arriveTogether, eventually, hangUp, pause, resume } from "./scenarios.mjs";
import { forThisFile } from "./under_test.mjs";

const { edge, world } = await forThisFile();
const tenant = await edge.tenant("acme", "starter");
const stranger = await edge.tenant("bolt", "starter");
const now = () => Math.floor(Date.now() / 1000);
const at = (path) => edge.at(path);
const witness = await arrive(tenant, "salon", "witness");
assert.ok(!witness.refused);

const { privateKey } = generateKeyPairSync("ed25519");
const unsigned = (claims) =>
  `${[{ alg: "none", kid: tenant.kid }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".")}.`;
const honest = (call) => ({ sub: tenant.id, aud: edge.host, jti: call, iat: now(), exp: now() + 60 });
const TOKENS = {
  "no token": async () => undefined,
  "an empty one": async () => " ",
  "no JWT": async () => "key",
  "random bytes": async () => randomBytes(300).toString("base64url"),
  "another's signature": () => tenant.token("t1", { key: privateKey }),
  "a tenant's signature under another's name": () => stranger.token("t2", { claims: { sub: tenant.id } }),
  "an unknown key's id": () => tenant.token("t3", { header: { kid: "key-9" } }),
  "a key's id that every object has": () => tenant.token("t3b", { header: { kid: "constructor" } }),
  "another's audience": () => tenant.token("t4", { claims: { aud: "calls.example.net" } }),
  "no audience": () => tenant.token("t5", { claims: { aud: undefined } }),
  "one that has ended": () => tenant.token("t6", { claims: { iat: now() - 4000, exp: now() - 3600 } }),
  "one without an end": () => tenant.token("t7", { claims: { exp: undefined } }),
  "one that lives for ever": () => tenant.token("t8", { claims: { exp: now() + 10 ** 9 } }),
  "one of the future": () => tenant.token("t9", { claims: { iat: now() + 3600, exp: now() + 3660 } }),
  "no call": () => tenant.token("t10", { claims: { jti: undefined } }),
  "a call that is no text": () => tenant.token("t11", { claims: { jti: 7 } }),
  "an endless call's name": () => tenant.token("x".repeat(5000)),
  "no tenant": () => tenant.token("t12", { claims: { sub: undefined } }),
  "a tenant that nobody knows": () => tenant.token("t13", { claims: { sub: "nobody" } }),
  "a tenant's name that is another KV value": () => tenant.token("t14", { claims: { sub: "../caps" } }),
  "no signature": async () => unsigned(honest("t15")),
  "a signature cut short": async () => (await tenant.token("t16")).slice(0, -10),
  "a hundred kilobytes": async () => `${await tenant.token("t17")}${"A".repeat(20_000)}`,
};
for (const [name, token] of Object.entries(TOKENS)) {
  test(`nobody comes in with ${name}`, async () => {
    const known = world.heard.length;
    const client = await call(at("/calls/salon"), await token());
    assert.ok(client.status >= 400 && client.status < 500, `${client.status} ${JSON.stringify(client.body)}`);
    assert.equal(world.heard.length, known);
  });
}

test("a token is good for one call: while it runs it is that call, afterwards it is a replay", async () => {
  const token = await tenant.token("once");
  const first = await call(at("/calls/salon"), token);
  assert.notEqual((await first.next()).type, "refused");
  assert.equal((await call(at("/calls/salon"), token)).status, 409);
  await first.hangUp();
  await eventually("the call", () => world.live(tenant.id), (calls) => !calls.includes("once"));
  const replay = await call(at("/calls/salon"), token);
  const answer = replay.status === 101 ? await replay.next() : replay.body;
  assert.match(JSON.stringify(answer), /replay/);
  await replay.hangUp();
});

test("a browser's token comes as a subprotocol", async () => {
  const client = await call(at("/calls/salon"), undefined, { protocols: ["headroom", `token.${await tenant.token("browser")}`] });
  assert.equal(client.socket.protocol, "headroom");
  assert.notEqual((await client.next()).type, "refused");
  await client.hangUp();
});

for (const path of ["/calls/", "/calls/salon/more", "/calls/__proto__", "/calls/constructor", "/calls/nobody", "/", "/metrics", "/admin/x"]) {
  test(`${path} lets nobody in`, async () => {
    const client = await call(at(path), await tenant.token());
    assert.ok(client.status >= 400 && client.status < 500, String(client.status));
  });
}

test("a frame that is too large ends its call and no other", async () => {
  const client = await arrive(tenant, "salon");
  client.socket.send(Buffer.alloc(edge.settings.session.frameBytes + 1));
  await client.closed;
  assert.equal(client.code, 1009);
});

test("frames that are no JSON, and JSON that is no event, harm nothing", async () => {
  const client = await arrive(tenant, "salon");
  for (const text of ["{", "null", "[]", '{"type":', "\u0000", '{"type":"session.update"}', '{"__proto__":{"type":"x"}}', "[".repeat(10_000)]) client.socket.send(text);
  client.socket.send("over");
  await client.next((message) => message === "over");
  await client.hangUp();
  assert.ok(client.code === 1000 || client.code === 1005, String(client.code));
});

test("a client that does not read is let go once so much waits for it as may, and its call waits for it", async () => {
  const client = await arrive(tenant, "salon");
  client.socket._socket.pause();
  // What the kernel takes for both sides comes on top of what may wait.
  client.socket.send(`flood ${Math.ceil((edge.settings.session.backlogBytes + 2 ** 25) / 2 ** 16)}`);
  await pause(2000);
  client.socket._socket.resume();
  await client.closed;
  assert.equal(client.code, 1013, client.reason);
  const back = await resume(edge, "salon", client);
  assert.equal(back.first?.type, "headroom.resumed", JSON.stringify(back.body));
  await back.hangUp();
});

test("a flood of headers is turned away", async () => {
  const socket = connect(Number(edge.url.port), "127.0.0.1");
  const gone = new Promise((resolve) => socket.once("close", resolve));
  let answer = "";
  socket.on("data", (data) => (answer += data));
  socket.on("error", () => {});
  socket.write("GET /calls/salon HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
  for (let number = 0; number < 5000 && !socket.destroyed; number += 1) socket.write(`x-flood-${number}: ${"y".repeat(1000)}\r\n`);
  socket.end("\r\n");
  await Promise.race([gone, pause(10_000)]);
  assert.doesNotMatch(answer, /^HTTP\/1.1 101/);
  socket.destroy();
});

test("hundreds who speak garbage instead of HTTP keep nobody out", async () => {
  const sockets = Array.from({ length: 200 }, () => connect(Number(edge.url.port), "127.0.0.1"));
  for (const socket of sockets) {
    socket.on("error", () => {});
    socket.write(randomBytes(500));
  }
  const client = await arrive(tenant, "salon");
  assert.ok(!client.refused);
  await client.hangUp();
  for (const socket of sockets) socket.destroy();
});

test("after all of that a call that was there before goes on, and every other place is free", async () => {
  await eventually("calls", () => world.live(tenant.id), (calls) => calls.length === 1);
  witness.socket.send("still here");
  assert.equal(await witness.next((message) => message === "still here"), "still here");
  await witness.hangUp();
  const { within, refused } = await arriveTogether(stranger, "salon", 5);
  assert.equal(refused.length, 0);
  await hangUp(within);
  await allFree(edge, stranger);
});
