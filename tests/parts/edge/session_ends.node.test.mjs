// How calls end in workerd, and that they do: without their places, with clients that read slowly or send what they must not.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startRealtime } from "../../edge/upstream/realtime.mjs";
import { startService } from "../../edge/upstream/service.mjs";
import { sleep, startWorld, until } from "./session_world.mjs";

let model;
let service;
let world;
let brief;
let number = 0;

beforeAll(async () => {
  model = await startRealtime();
  service = await startService();
  world = await startWorld(
    { model: { upstream: model.url, realtime: { reopenSeconds: 60 } }, salon: { upstream: service.url } },
    { session: { frameBytes: 200_000 }, times: { heartbeatSeconds: 0.5 } },
  );
  // A lease of 9 s of which a call uses 4: what a busy machine may take.
  brief = await startWorld({ salon: { upstream: service.url } }, { session: { marginSeconds: 5 }, times: { heartbeatSeconds: 0.5, leaseSeconds: 9 } });
});
afterAll(async () => {
  await world.stop();
  await brief.stop();
  model.stop();
  service.stop();
});
beforeEach(() => {
  service.connections.length = 0;
});

/** A call of a tenant of its own. */
async function begun(vertical, on = world) {
  number += 1;
  const tenant = `tenant-${number}`;
  const client = await on.call(vertical, `call-${number}`, { tenant });
  expect(client.status).toBe(101);
  Object.assign(client, { tenant, id: `call-${number}`, resume: (await client.next("headroom.started")).resume });
  client.releases = async () => (await on.gate(tenant)).filter(([kind]) => kind === "release");
  client.released = () => until(async () => (await client.releases())[0]);
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
    const client = await begun("salon", brief);
    await brief.gate(client.tenant, answer);
    const refused = Date.now();
    expect(await client.closed()).toBe(1013);
    // The last renewal was before this.
    expect(Date.now() - refused).toBeLessThan(9000);
    expect(client.reason).toBe("the place of the call was not renewed in time");
  });
}

test("a gate that does not answer for a while costs no call", async () => {
  const client = await begun("salon", brief);
  await brief.gate(client.tenant, "fail");
  await sleep(700);
  await brief.gate(client.tenant, "yes");
  // Longer than the call had left.
  await sleep(4500);
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
  const late = await startWorld({ salon: { upstream: service.url } }, { session: { marginSeconds: 1 }, times: { heartbeatSeconds: 8.9, leaseSeconds: 10 } });
  const client = await late.call("salon", "late", { waited: "4000" });
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
  const before = await client.releases();
  await until(async () => (await client.releases()).length > before.length);
  // The call is as long as it was, however late it is told.
  expect(new Set((await client.releases()).map(([, , , { seconds }]) => seconds)).size).toBe(1);
});

test("a call's end is reported for no longer than the gate remembers what it reported before", async () => {
  const forgetful = await startWorld({ salon: { upstream: service.url } }, { times: { heartbeatSeconds: 0.5, reportedSeconds: 4 } });
  const client = await begun("salon", forgetful);
  await forgetful.gate(client.tenant, "fail");
  client.socket.close(1000);
  // The object knows of no call any more.
  await until(async () => (await forgetful.call("salon", client.id, { tenant: client.tenant })).status === 101);
  const tries = await client.releases();
  expect(tries.length).toBeGreaterThan(2);
  expect(new Set(tries.map(([, , , { seconds }]) => seconds)).size).toBe(1);
  await forgetful.stop();
});

test("a call ends when it is as old as calls of its vertical may be, whether its client came back or not", async () => {
  const limited = await startWorld({ salon: { upstream: service.url, longestSeconds: 4 } });
  const client = await begun("salon", limited);
  expect(client.of("headroom.started")[0].longestSeconds).toBe(4);
  client.socket.terminate();
  const back = await limited.call("salon", client.id, { tenant: client.tenant, resume: client.resume });
  await back.next("headroom.resumed");
  expect(await back.closed()).toBe(1000);
  expect(back.reason).toBe("the call has lasted as long as calls may");
  expect(back.of("headroom.ended")).toMatchObject([{ reason: back.reason }]);
  const [, , , { seconds }] = await client.released();
  expect(seconds).toBeGreaterThanOrEqual(4);
  expect((await limited.call("salon", client.id, { tenant: client.tenant, resume: client.resume })).status).toBe(410);
  await limited.stop();
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
  expect(audio.length).toBeLessThan(6);
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

for (const [fault, bytes] of Object.entries({ "reserved bits": [0xf1, 1, 0x61], "a continuation of nothing": [0x80, 1, 0x61] })) {
  test(`a service that breaks the protocol (${fault}) ends the call, as one that is lost`, async () => {
    const client = await begun("salon");
    await until(() => client.frames.includes("hello"));
    service.connections[0].socket._socket.write(Buffer.from(bytes));
    expect(await client.closed()).toBe(1012);
    await client.released();
    await until(() => service.connections[0].closed !== null);
  });
}

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
  await sleep(1000);
  for (let index = 0; index < 30; index += 1) service.connections[0].socket.send(Buffer.alloc(100_000, index));
  await sleep(300);
  const back = await world.call("salon", client.id, { tenant: client.tenant, resume: client.resume });
  const { missed } = await back.next("headroom.resumed");
  // A busy machine may bring the last of them only now.
  await until(() => back.frames.at(-1)[0] === 29);
  expect(missed).toBeGreaterThan(0);
  expect(back.frames.slice(1).map((frame) => frame[0])).toEqual(Array.from({ length: 30 - missed }, (_, index) => missed + index));
  back.socket.close(1000);
});

test("a client of whom nothing is heard is taken to be cut, and loses its place if it stays away", async () => {
  const quiet = await startWorld({ salon: { upstream: service.url } }, { session: { silenceSeconds: 1, resumeSeconds: 1.5 } });
  const began = Date.now();
  const client = await quiet.call("salon", "silent");
  const { resume } = await client.next("headroom.started");
  const over = () => quiet.call("salon", "silent", { resume: `${resume.split(".")[0]}.wrong` }).then(({ status }) => status === 410);
  await until(over);
  expect(Date.now() - began).toBeGreaterThan(2400);
  await quiet.stop();
});
