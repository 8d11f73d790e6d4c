// Calls the deployed edge as clients would, and prints what came of it as JSON.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket, WebSocketServer } from "ws";
import { start } from "./deployed.mjs";

const [account] = process.argv.slice(2);
const seen = [];
const upstream = new WebSocketServer({ port: 0, host: "127.0.0.1" });
upstream.on("connection", (socket, request) => {
  const name = (key) => request.headers[key];
  seen.push({ host: name("x-host"), call: name("headroom-call"), tenant: name("headroom-tenant"), access: name("cf-access-client-id") });
  socket.on("message", (data, binary) => socket.send(data, { binary }));
});
await once(upstream, "listening");

const persist = mkdtempSync(join(tmpdir(), "edge-"));
const edge = await start(account, `http://127.0.0.1:${upstream.address().port}`, persist);
const plans = await edge.miniflare.getKVNamespace("PLANS", edge.router);
const tenant = async (key, name, plan) =>
  plans.put(`key:${createHash("sha256").update(key).digest("hex")}`, JSON.stringify({ tenant: name, plan }));
await tenant("a-key", "acme", "starter");
await tenant("b-key", "bolt", "starter");
await tenant("no-plan", "lost", "unheard-of");

const at = (path) => new URL(path, edge.url);
const authorization = (key) => ({ Authorization: `Bearer ${key}` });
const plain = async (path, headers = {}) => {
  const answer = await fetch(at(path), { headers });
  return { status: answer.status, retry: answer.headers.get("retry-after"), body: await answer.json().catch(() => null) };
};
/** Call; the socket once it is open, and its first message and close, each as a promise. */
const call = async (path, key, id) => {
  const socket = new WebSocket(at(path), { headers: { ...authorization(key), ...(id && { "headroom-call": id }) } });
  const message = once(socket, "message").then(([data]) => String(data));
  const closed = once(socket, "close").then(([code]) => code);
  const refused = once(socket, "unexpected-response").then(([, answer]) => answer.statusCode);
  for (const promise of [message, closed, refused]) promise.catch(() => {});
  const status = await Promise.race([once(socket, "open").then(() => 101), refused]);
  return { socket, message, closed, status };
};
const hangUp = async ({ socket, closed }) => {
  socket.close(1000);
  await closed;
};

const result = {};
result.unknownVertical = (await plain("/calls/nobody", authorization("a-key"))).status;
result.noKey = (await plain("/calls/salon")).status;
result.wrongKey = (await plain("/calls/salon", authorization("wrong"))).status;
result.noPlan = await plain("/calls/salon", authorization("no-plan"));
result.freeBefore = (await plain("/calls/salon", authorization("a-key"))).body;

const first = await call("/calls/salon", "a-key", "call-1");
first.socket.send("hello");
result.echo = await first.message;
result.upstream = seen[0];
result.freeDuring = (await plain("/calls/salon", authorization("a-key"))).body;
result.sameCallAgain = (await call("/calls/salon", "a-key", "call-1")).status;

const cap = result.freeBefore.free;
const racers = await Promise.all(Array.from({ length: cap + 20 }, () => call("/calls/salon", "a-key")));
const outcomes = await Promise.all(
  racers.map(async (racer) => {
    racer.socket.send("ping");
    const text = await racer.message;
    return text === "ping" ? "in" : { ...JSON.parse(text), code: await racer.closed };
  }),
);
result.admittedOfRace = outcomes.filter((outcome) => outcome === "in").length;
result.refusedOfRace = outcomes.filter((outcome) => outcome !== "in").length;
result.refusal = outcomes.find((outcome) => outcome !== "in");
result.full = await plain("/calls/salon", authorization("a-key"));
result.otherTenant = (await plain("/calls/salon", authorization("b-key"))).body;

await Promise.all([first, ...racers.filter((_, index) => outcomes[index] === "in")].map(hangUp));
const until = Date.now() + 10_000;
do {
  result.freeAfter = (await plain("/calls/salon", authorization("a-key"))).body;
} while (result.freeAfter.free !== cap && Date.now() < until);

upstream.close();
for (const socket of upstream.clients) socket.terminate();
const unanswered = await call("/calls/salon", "a-key");
result.noUpstream = { ...JSON.parse(await unanswered.message), code: await unanswered.closed };

console.log(JSON.stringify(result));
await edge.miniflare.dispose();
rmSync(persist, { recursive: true });
process.exit(0);
