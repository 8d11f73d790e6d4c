// Whole calls in workerd: a client, the session, and an upstream that is late, breaks and ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startRealtime } from "../../edge/upstream/realtime.mjs";
import { frame, sleep, startWorld, until, words } from "./session_world.mjs";

let model;
let world;
let number = 0;
const name = () => `call-${(number += 1)}`;
const verticals = (realtime = {}) => ({ clinic: { upstream: model.url, realtime: { reopenSeconds: 60, transcription: "scribe", ...realtime } } });

beforeAll(async () => {
  model = await startRealtime();
  world = await startWorld(verticals());
});
afterAll(async () => {
  await world.stop();
  model.stop();
});
beforeEach(() => {
  model.conditions = { silenceMilliseconds: 100 };
  model.sessions.length = 0;
});

/** A call that has begun. */
async function begun(on = world, id = name(), query = {}) {
  const client = await on.call("clinic", id, query);
  expect(client.status).toBe(101);
  client.id = id;
  client.resume = (await client.next("headroom.started")).resume;
  await client.next("session.created");
  return client;
}

test("a turn goes up in batches and its answer comes down", async () => {
  const client = await begun();
  // All within a few windows, however slow the machine is.
  await client.speak(words(1, 20), 0);
  await client.next("response.done");
  expect(client.answers()).toEqual(["answer 1 to: frames 1-20 (1 items)"]);
  const [session] = model.sessions;
  expect(session.headers.authorization).toBe("Bearer a-key");
  expect(session.heard).toEqual(words(1, 20, 0));
  expect(session.appends).toBeLessThan(14);
  expect(session.config.audio.input.transcription).toEqual({ model: "scribe" });
  client.socket.close(1000);
});

test("what came of a call is told at its end, each response once", async () => {
  const client = await begun();
  model.sessions[0].conditions.answerDelay = 60;
  await client.speak(words(1, 5));
  await client.next("response.done");
  const repeated = client.of("response.done")[0];
  model.sessions[0].send(repeated);
  await client.next("response.done", 2);
  client.socket.close(1000);
  const release = await until(async () => (await world.gate("acme")).find(([kind, call]) => kind === "release" && call === client.id));
  const [, , fence, counts] = release;
  expect(fence).toBe(7);
  expect(counts).toMatchObject({ "tokens:input": 102, "tokens:cached": 60, "tokens:output": 31 });
  expect(counts.seconds).toBeGreaterThan(0.1);
  expect(counts).toMatchObject({ "first_token_bucket:0.05": 0, "first_token_bucket:+Inf": 1, first_token_count: 1, turns: 1 });
  expect(counts["first_audio_sum"]).toBeGreaterThanOrEqual(counts["first_token_sum"]);
  expect(await world.pool("clinic#0")).toContainEqual(["release", `acme/${client.id}`, 9]);
});

test("calls at the same time never hear each other", async () => {
  const clients = await Promise.all(Array.from({ length: 12 }, (_, index) => begun(world, name(), { tenant: `tenant-${index % 3}` })));
  await Promise.all(
    clients.map(async (client, index) => {
      await client.speak(words(100 * index + 1, 100 * index + 10));
      await client.next("response.done");
      expect(client.answers()).toEqual([`answer 1 to: frames ${100 * index + 1}-${100 * index + 10} (1 items)`]);
      client.socket.close(1000);
    }),
  );
});

test("one call is under way once", async () => {
  const client = await begun();
  expect((await world.call("clinic", client.id)).status).toBe(409);
  client.socket.close(1000);
});

test("a client that was cut comes back to the same session, and misses nothing", async () => {
  const client = await begun();
  await client.speak(words(1, 5));
  await client.next("response.done");
  model.sessions[0].conditions.answerDelay = 200;
  await client.speak(words(6, 9));
  await client.next("response.created", 2);
  client.socket.terminate();
  await sleep(400);
  const back = await world.call("clinic", client.id, { resume: client.resume });
  expect(back.status).toBe(101);
  const resumed = await back.next("headroom.resumed");
  expect(resumed.missed).toBe(0);
  expect(resumed.position).toBe(4);
  expect(resumed.items.map(({ item }) => item.role)).toEqual(["user", "assistant", "user", "assistant"]);
  await back.next("response.done");
  expect(back.answers()).toEqual(["answer 2 to: frames 6-9 (3 items)"]);
  await back.speak(words(10, 12));
  await back.next("response.done", 2);
  expect(back.answers()[1]).toBe("answer 3 to: frames 10-12 (5 items)");
  expect(model.sessions).toHaveLength(1);
  back.socket.close(1000);
  expect(await back.closed()).toBe(1000);
});

test("who comes back says what it has, and is told the rest", async () => {
  const client = await begun();
  await client.speak(words(1, 3));
  await client.next("response.done");
  client.socket.terminate();
  const back = await world.call("clinic", client.id, { resume: client.resume, after: "1" });
  const { items } = await back.next("headroom.resumed");
  expect(items.map(({ position, item }) => [position, item.role])).toEqual([[2, "assistant"]]);
  back.socket.close(1000);
});

test("a second socket with the token takes the call over from the first", async () => {
  const client = await begun();
  // workerd keeps the connection of a socket that was closed before it received anything.
  await client.speak([0]);
  const back = await world.call("clinic", client.id, { resume: client.resume });
  expect(await client.closed()).toBe(1001);
  await back.speak(words(1, 3));
  await back.next("response.done");
  back.socket.close(1000);
});

test("a token that is not the call's is refused, and so is the call's own once it is over", async () => {
  const client = await begun();
  const wrong = client.resume.slice(0, -2) + (client.resume.endsWith("AA") ? "BB" : "AA");
  expect((await world.call("clinic", client.id, { resume: wrong })).status).toBe(403);
  expect((await world.call("clinic", "no-such-call", { resume: client.resume })).status).toBe(410);
  client.socket.close(1000);
  await client.closed();
  await until(async () => (await world.gate("acme")).some(([kind, call]) => kind === "release" && call === client.id));
  expect((await world.call("clinic", client.id, { resume: client.resume })).status).toBe(410);
});

test("a call whose client does not come back ends after the window, and keeps its places until then", async () => {
  const hasty = await startWorld(verticals(), { session: { resumeSeconds: 3 }, times: { heartbeatSeconds: 0.5 } });
  const client = await begun(hasty);
  client.socket.terminate();
  const cut = Date.now();
  await until(async () => (await hasty.gate("acme")).some(([kind]) => kind === "release"));
  expect(Date.now() - cut).toBeGreaterThan(2800);
  expect((await hasty.gate("acme")).filter(([kind]) => kind === "renew").length).toBeGreaterThan(3);
  expect((await hasty.call("clinic", client.id, { resume: client.resume })).status).toBe(410);
  await until(() => model.sessions[0].closed === 1000);
  await hasty.stop();
});

test("after a while away the upstream is let go; who comes back goes on from the transcript", async () => {
  const hasty = await startWorld(verticals(), { session: { parkSeconds: 0.5 } });
  const client = await begun(hasty);
  client.send({ type: "session.update", session: { type: "realtime", instructions: "be kind" } });
  await client.next("session.updated", 2);
  await client.speak(words(1, 5));
  await client.next("response.done");
  client.socket.terminate();
  await until(() => model.sessions[0].closed === 1000);
  const back = await hasty.call("clinic", client.id, { resume: client.resume });
  await back.next("headroom.resumed");
  await back.speak(words(6, 8));
  await back.next("response.done");
  expect(back.answers()).toEqual(["answer 1 to: frames 6-8 (3 items)"]);
  const [, second] = model.sessions;
  expect(second.config.instructions).toBe("be kind");
  expect(second.items.map(({ role, content }) => [role, content[0].text]).slice(0, 2)).toEqual([
    ["user", "frames 1-5"],
    ["assistant", "answer 1 to: frames 1-5 (1 items)"],
  ]);
  expect(back.of("session.created")).toEqual([]);
  back.socket.close(1000);
  await hasty.stop();
});

test("the object of a call sleeps while its client is away and its upstream is let go, and not before", async () => {
  const asleep = await startWorld(verticals(), { session: { parkSeconds: 1, resumeSeconds: 60 }, times: { heartbeatSeconds: 60, leaseSeconds: 180 } });
  const awake = await startWorld(verticals(), { session: { parkSeconds: 60, resumeSeconds: 60 }, times: { heartbeatSeconds: 60, leaseSeconds: 180 } });
  const clients = [await begun(asleep), await begun(awake)];
  for (const client of clients) client.socket.terminate();
  // workerd lets go of an object that did nothing for 10 s.
  await sleep(14_000);
  const back = [await asleep.call("clinic", clients[0].id, { resume: clients[0].resume }), await awake.call("clinic", clients[1].id, { resume: clients[1].resume })];
  await Promise.all(back.map((client) => client.next("headroom.resumed")));
  expect([await asleep.made(), await awake.made()]).toEqual([2, 1]);
  await Promise.all([asleep, awake].map((world) => world.stop()));
});

test("after a crash of the machine the client goes on with its token", async () => {
  const persist = mkdtempSync(join(tmpdir(), "session-"));
  const first = await startWorld(verticals(), { persist });
  const client = await begun(first);
  await client.speak(words(1, 5));
  await client.next("response.done");
  await first.stop();
  const second = await startWorld(verticals(), { persist });
  const back = await second.call("clinic", client.id, { resume: client.resume });
  expect((await back.next("headroom.resumed")).position).toBe(2);
  await back.speak(words(6, 8));
  await back.next("response.done");
  expect(back.answers()).toEqual(["answer 1 to: frames 6-8 (3 items)"]);
  back.socket.close(1000);
  await until(async () => (await second.gate("acme")).find(([kind, , , counts]) => kind === "release" && counts["tokens:output"] === 62));
  await second.stop();
  rmSync(persist, { recursive: true });
});
