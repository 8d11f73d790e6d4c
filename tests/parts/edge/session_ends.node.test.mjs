// How calls end in workerd, and that they do: without their places, with clients that read slowly or send what they must not.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startRealtime } from "../../edge/upstream/realtime.mjs";
import { startService } from "../../edge/upstream/service.mjs";
import { sleep, startWorld, until } from "./session_world.mjs";

let model;
let service;
let world;
let number = 0;

beforeAll(async () => {
  model = await startRealtime();
  service = await startService();
  world = await startWorld(
    { model: { upstream: model.url, realtime: { reopenSeconds: 60 } }, salon: { upstream: service.url } },
    // A lease of 4 s of which a call uses 1.5.
    { session: { frameBytes: 200_000, marginSeconds: 2.5 }, times: { heartbeatSeconds: 0.5, leaseSeconds: 4 } },
  );
});
afterAll(async () => {
  await world.stop();
  model.stop();
  service.stop();
});
beforeEach(() => {
  service.connections.length = 0;
});

/** A call of a tenant of its own. */
async function begun(vertical, query = {}) {
  number += 1;
  const tenant = `tenant-${number}`;
  const client = await world.call(vertical, `call-${number}`, { tenant, ...query });
  expect(client.status).toBe(101);
  Object.assign(client, { tenant, id: `call-${number}`, resume: (await client.next("headroom.started")).resume });
  client.released = () => until(async () => (await world.gate(tenant)).find(([kind]) => kind === "release"), 8000);
  client.socket.send("hello");
  return client;
}

test("a call that lost its place ends", async () => {
  const client = await begun("salon");
  await world.gate(client.tenant, "no");
  expect(await client.closed()).toBe(1013);
  expect(client.reason).toBe("the place of the call is gone");
  expect(client.of("headroom.ended")).toHaveLength(1);
  await until(() => service.connections[0].closed !== null);
  await client.released();
});

for (const answer of ["fail", "hang"]) {
  test(`a call whose gate ${answer}s ends before its lease does`, async () => {
    const client = await begun("salon");
    await world.gate(client.tenant, answer);
    const refused = Date.now();
    expect(await client.closed()).toBe(1013);
    // The last renewal was before this.
    expect(Date.now() - refused).toBeLessThan(4000);
    expect(client.reason).toBe("the place of the call was not renewed in time");
  });
}

test("a gate that does not answer for a while costs no call", async () => {
  const client = await begun("salon");
  await world.gate(client.tenant, "fail");
  await sleep(700);
  await world.gate(client.tenant, "yes");
  await sleep(2000);
  client.socket.send("still there?");
  await until(() => client.frames.includes("still there?"));
  client.socket.close(1000);
});

test("a pool that does not know the call ends it", async () => {
  const client = await begun("model");
  await world.pool("model#0", "no");
  expect(await client.closed()).toBe(1013);
  await world.pool("model#0", "yes");
});

test("a lease is as old as the question for it", async () => {
  const late = await startWorld({ salon: { upstream: service.url } }, { session: { marginSeconds: 1 }, times: { heartbeatSeconds: 2.9, leaseSeconds: 5 } });
  const client = await late.call("salon", "late", { waited: "2500" });
  client.socket.send("hello");
  expect(await client.closed()).toBe(1013);
  // It ended before its first heartbeat.
  expect((await late.gate("acme")).map(([kind]) => kind)).toEqual(["release"]);
  await late.stop();
});

test("a call's end is reported until somebody hears it", async () => {
  const client = await begun("salon");
  await world.gate(client.tenant, "fail");
  client.socket.close(1000);
  await sleep(800);
  await world.gate(client.tenant, "yes");
  const before = (await world.gate(client.tenant)).filter(([kind]) => kind === "release");
  await until(async () => (await world.gate(client.tenant)).filter(([kind]) => kind === "release").length > before.length);
  const counts = (await world.gate(client.tenant)).filter(([kind]) => kind === "release").map(([, , , { seconds }]) => seconds);
  // The call is as long as it was, however late it is told.
  expect(new Set(counts).size).toBe(1);
});

test("a service's frames pass as they are; audio of one window as one", async () => {
  const client = await begun("salon");
  client.socket.send("one");
  for (let index = 0; index < 6; index += 1) client.socket.send(Buffer.alloc(100, index));
  client.socket.send("two");
  await until(() => client.frames.includes("two"));
  const [{ frames, headers }] = service.connections;
  expect(headers).toMatchObject({ "headroom-call": client.id, "headroom-tenant": client.tenant, "cf-access-client-id": "an-id" });
  expect(frames.filter((frame) => typeof frame === "string")).toEqual(["hello", "one", "two"]);
  const audio = frames.filter((frame) => typeof frame !== "string");
  expect(Buffer.concat(audio)).toEqual(Buffer.concat(Array.from({ length: 6 }, (_, index) => Buffer.alloc(100, index))));
  expect(audio.length).toBeLessThan(4);
  const echoed = client.frames.filter((frame) => Buffer.isBuffer(frame));
  expect(Buffer.concat(echoed)).toEqual(Buffer.concat(audio));
  client.socket.close(1000);
});

test("a service that hangs up says so to the client, in its own words", async () => {
  const client = await begun("salon");
  client.socket.send("close 4321");
  expect(await client.closed()).toBe(4321);
  expect(client.reason).toBe("as told");
  await client.released();
});

test("a service that is lost ends the call: nobody else knows where it was", async () => {
  const client = await begun("salon");
  client.socket.send("drop");
  expect(await client.closed()).toBe(1012);
});

test("a service that nobody reaches begins no call", async () => {
  const away = await startWorld({ salon: { upstream: "http://127.0.0.1:1/" } });
  expect((await away.call("salon", "call")).status).toBe(502);
  expect((await away.call("salon", "call")).status).toBe(502);
  await away.stop();
});

test("a frame that is too large ends the call", async () => {
  const client = await begun("salon");
  client.socket.send(Buffer.alloc(200_001));
  expect(await client.closed()).toBe(1009);
});

test("what is not of the protocol is answered and not passed on", async () => {
  const client = await begun("model");
  await client.next("error");
  model.sessions.at(-1).events.length = 0;
  for (const frame of ["{", "[]", "null", '{"type": 1}', '{"type":"input_audio_buffer.append","audio":"not base64"}', '{"type":"input_audio_buffer.append"}']) {
    client.socket.send(frame);
  }
  client.socket.send(Buffer.from([1, 2, 3]));
  await client.next("error", 8);
  expect(new Set(client.of("error").map(({ error }) => error.code))).toEqual(new Set(["invalid_event", "invalid_audio"]));
  expect(model.sessions.at(-1).events).toEqual([]);
  client.socket.close(1000);
});

test("JSON that is nested without end ends the call, and no other", async () => {
  const [client, other] = [await begun("model"), await begun("model")];
  client.socket.send(`{"type":"session.update","session":${'{"a":'.repeat(30_000)}1${"}".repeat(30_000)}}`);
  await until(() => client.code !== null || client.of("error").length > 1 || client.of("session.updated").length > 0);
  other.send({ type: "session.update", session: { instructions: "x" } });
  await other.next("session.updated");
  other.socket.close(1000);
  client.socket.close(1000);
});

test("a client that was away too long for what waits is told how much it missed", async () => {
  const client = await begun("salon");
  client.socket.send("ready");
  await until(() => client.frames.includes("ready"));
  client.socket.terminate();
  await sleep(100);
  for (let index = 0; index < 30; index += 1) service.connections[0].socket.send(Buffer.alloc(100_000, index));
  await sleep(300);
  const back = await world.call("salon", client.id, { tenant: client.tenant, resume: client.resume });
  const { missed } = await back.next("headroom.resumed");
  expect(missed).toBe(20);
  await until(() => back.frames.length === 11);
  expect(back.frames.slice(1).map((frame) => frame[0])).toEqual(Array.from({ length: 10 }, (_, index) => 20 + index));
  back.socket.close(1000);
});

test("a client of whom nothing is heard is taken to be cut, and loses its place if it stays away", async () => {
  const quiet = await startWorld({ salon: { upstream: service.url } }, { session: { silenceSeconds: 1, resumeSeconds: 1.5 } });
  const client = await quiet.call("salon", "silent");
  const { resume } = await client.next("headroom.started");
  const began = Date.now();
  const over = () => quiet.call("salon", "silent", { resume: `${resume.split(".")[0]}.wrong` }).then(({ status }) => status === 410);
  await until(over);
  expect(Date.now() - began).toBeGreaterThan(2400);
  await quiet.stop();
});
