// Upstreams in workerd that grow old, break off in the middle, refuse, and keep silent: no turn is lost.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startRealtime } from "../../edge/upstream/realtime.mjs";
import { sleep, startWorld, until, words } from "./session_world.mjs";

let model;
let world;
let verticals;
let number = 0;
const begunHere = [];

beforeAll(async () => {
  model = await startRealtime();
  const upstream = model.url;
  verticals = {
    steady: { upstream, realtime: { reopenSeconds: 60, transcription: "scribe" } },
    deaf: { upstream, realtime: { reopenSeconds: 60 } },
    brief: { upstream, realtime: { reopenSeconds: 0.7, transcription: "scribe" } },
  };
  world = await startWorld(verticals);
});
afterAll(async () => {
  await world.stop();
  model.stop();
});
beforeEach(() => {
  model.conditions = { silenceMilliseconds: 100 };
  model.sessions.length = 0;
});

// A call that is not over yet may open another session, which the next test would take for its own.
afterEach(() =>
  until(async () => {
    const over = (await world.gate("acme")).filter(([kind]) => kind === "release").map(([, call]) => call);
    return begunHere.every((call) => over.includes(call)) && model.open().length === 0;
  }),
);

async function begun(vertical, on = world) {
  const id = `call-${(number += 1)}`;
  if (on === world) begunHere.push(id);
  const client = await on.call(vertical, id);
  await client.next("session.created");
  return client;
}

test("before its session is too old another takes over between turns, and knows what was said", async () => {
  const client = await begun("brief");
  client.send({ type: "session.update", session: { instructions: "be kind" } });
  await client.speak(words(1, 5));
  await client.next("response.done");
  await client.next("headroom.reopened");
  await client.speak(words(6, 8));
  await client.next("response.done", 2);
  expect(client.answers()).toEqual(["answer 1 to: frames 1-5 (1 items)", "answer 1 to: frames 6-8 (3 items)"]);
  expect(model.sessions[0].closed).toBe(1000);
  expect(model.sessions[1].config.instructions).toBe("be kind");
  expect(model.sessions[1].items[1].content).toEqual([{ type: "output_text", text: "answer 1 to: frames 1-5 (1 items)" }]);
  // The client sees one session, and each item once.
  expect(client.of("session.created")).toHaveLength(1);
  const added = client.of("conversation.item.added").map(({ item }) => item.id);
  expect(new Set(added).size).toBe(added.length);
  client.socket.close(1000);
});

test("who speaks without a pause is not interrupted: the change waits, and no word is lost", async () => {
  const client = await begun("brief");
  await client.speak([...Array.from({ length: 60 }, (_, index) => index + 1), ...Array(8).fill(0)], 25);
  await client.next("response.done");
  expect(client.answers()).toEqual(["answer 1 to: frames 1-60 (1 items)"]);
  expect(client.of("input_audio_buffer.speech_started")).toHaveLength(1);
  await client.next("headroom.reopened");
  expect(model.sessions.length).toBeGreaterThan(1);
  client.socket.close(1000);
});

test("an answer that takes longer than the session may live is not broken off", async () => {
  const client = await begun("brief");
  model.sessions[0].conditions = { ...model.conditions, answerDelay: 500, wordDelay: 300 };
  await client.speak(words(1, 5));
  await client.next("headroom.reopened");
  expect(client.of("response.created")).toHaveLength(1);
  expect(client.answers()).toEqual(["answer 1 to: frames 1-5 (1 items)"]);
  client.socket.close(1000);
});

test("turns in a row over many sessions arrive whole, in order, and once", async () => {
  const client = await begun("brief");
  for (let turn = 0; turn < 8; turn += 1) {
    await client.speak(words(10 * turn + 1, 10 * turn + 9), 15);
    await client.next("response.done", turn + 1);
  }
  expect(client.answers().map((answer) => /to: (.*) \((\d+)/.exec(answer)?.slice(1))).toEqual(
    Array.from({ length: 8 }, (_, turn) => [`frames ${10 * turn + 1}-${10 * turn + 9}`, String(2 * turn + 1)]),
  );
  expect(model.sessions.length).toBeGreaterThan(2);
  client.socket.close(1000);
});

test("a session that breaks in the middle of a sentence is replaced by one that hears the sentence whole", async () => {
  const client = await begun("steady");
  await client.speak(words(1, 10, 0));
  await until(() => model.sessions[0].heard.length > 5);
  model.sessions[0].drop();
  await client.speak(words(11, 20));
  await client.next("response.done");
  expect(client.answers()).toEqual(["answer 1 to: frames 1-20 (1 items)"]);
  expect(client.of("headroom.reopened")).toMatchObject([{ reason: "lost", interrupted: [] }]);
  client.socket.close(1000);
});

test("an answer that is broken off is given again, and the client knows which one is void", async () => {
  const client = await begun("steady");
  model.sessions[0].conditions = { ...model.conditions, wordDelay: 150 };
  await client.speak(words(1, 5));
  await client.next("response.output_audio_transcript.delta");
  model.sessions[0].drop();
  await client.next("response.done");
  const [{ interrupted }] = client.of("headroom.reopened");
  expect(interrupted).toEqual([client.of("response.created")[0].response.id]);
  expect(client.answers()).toEqual(["answer 1 to: frames 1-5 (1 items)"]);
  client.socket.close(1000);
});

test("a turn that nobody wrote down yet is told as it was said", async () => {
  const client = await begun("deaf");
  model.sessions[0].conditions = { ...model.conditions, answerDelay: 300 };
  await client.speak(words(1, 5));
  await client.next("response.created");
  model.sessions[0].drop();
  await client.next("response.done");
  expect(client.answers()).toEqual(["answer 1 to: frames 1-5 (1 items)"]);
  client.socket.close(1000);
});

test("requests that the lost session did not answer are put to the next", async () => {
  const client = await begun("steady");
  client.send({ type: "session.update", event_id: "quiet", session: { audio: { input: { turn_detection: null } } } });
  await client.next("session.updated", 2);
  await client.speak(words(1, 5, 0));
  await until(() => model.sessions[0].heard.length === 5);
  model.conditions = { ...model.conditions, openDelay: 200 };
  model.sessions[0].drop();
  await sleep(50);
  client.send({ type: "input_audio_buffer.commit" });
  client.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text: "and this" }] } });
  client.send({ type: "response.create", response: { instructions: "reply" } });
  await client.next("response.done");
  const { events } = model.sessions[1];
  const asked = events.map(({ type }) => type).filter((type) => type !== "session.update");
  expect(asked).toEqual(["conversation.item.create", "input_audio_buffer.append", "input_audio_buffer.commit", "response.create"]);
  expect(client.answers()[0]).toMatch(/^reply to: frames 1-5/);
  client.socket.close(1000);
});

test("a session that says it is over is replaced, and the client is not troubled with it", async () => {
  const client = await begun("steady");
  await client.speak(words(1, 3));
  await client.next("response.done");
  model.sessions[0].expire();
  await client.next("headroom.reopened");
  expect(client.of("error")).toEqual([]);
  await client.speak(words(4, 6));
  await client.next("response.done", 2);
  client.socket.close(1000);
});

test("what was said and then cut short by the caller is forgotten by the next session too", async () => {
  const client = await begun("steady");
  await client.speak(words(1, 3));
  await client.next("response.done");
  const said = client.answers()[0];
  const item = client.of("conversation.item.done").find((event) => event.item.role === "assistant").item.id;
  // The answer's sound was three frames of 20 ms; a third of it was heard.
  client.send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms: 20 });
  await client.next("conversation.item.truncated");
  model.sessions[0].drop();
  await client.next("headroom.reopened");
  const told = await until(() => model.sessions[1].items.find(({ role }) => role === "assistant"));
  expect(told.content[0].text).toBe(said.slice(0, Math.floor(said.length / 3)));
  client.socket.close(1000);
});

test("a session that breaks the protocol is replaced as one that is lost", async () => {
  const client = await begun("steady");
  await client.speak(words(1, 3));
  await client.next("response.done");
  model.sessions[0].socket._socket.write(Buffer.from([0xf1, 1, 0x61]));
  expect(await client.next("headroom.reopened")).toMatchObject({ reason: "lost" });
  await client.speak(words(4, 6));
  await client.next("response.done", 2);
  client.socket.close(1000);
});

for (const type of ["conversation.item.create", "session.update", "response.create", "input_audio_buffer.commit", "response.cancel"]) {
  test(`a client that sends too much of ${type} while the model is away is let go`, async () => {
    const client = await begun("steady");
    await client.speak([0]);
    model.conditions = { ...model.conditions, refuse: 503 };
    model.sessions[0].drop();
    await sleep(50);
    const body = "x".repeat(90_000);
    for (let sent = 0; sent < 12; sent += 1) {
      client.send({ type, body, item: { type: "message", role: "user", content: [{ type: "input_text", text: "more" }] } });
    }
    expect(await client.closed()).toBe(1008);
    expect(client.reason).toBe("too much was sent while the model was away");
  });
}

test("a model that is gone for good ends the call after the time that it may take", async () => {
  const hasty = await startWorld(verticals, { session: { openSeconds: 4 } });
  const client = await begun("steady", hasty);
  await client.speak([0]);
  model.conditions = { ...model.conditions, refuse: 503 };
  model.sessions[0].drop();
  expect(await client.closed()).toBe(1013);
  expect(client.reason).toBe("the model is gone");
  expect(client.of("headroom.ended")).toHaveLength(1);
  await hasty.stop();
});

test("a model that breaks again and again is not asked for ever", async () => {
  const client = await begun("steady");
  await client.speak([0]);
  model.sessions[0].drop();
  await client.next("headroom.reopened");
  model.sessions[1].drop();
  expect(await client.closed()).toBe(1013);
  expect(model.sessions).toHaveLength(2);
});

test("a call whose model refuses or keeps silent does not begin, and is forgotten", async () => {
  const hasty = await startWorld(verticals, { session: { openSeconds: 4 } });
  model.conditions = { ...model.conditions, refuse: 429 };
  expect((await hasty.call("steady", "never-1")).status).toBe(502);
  model.conditions = { silenceMilliseconds: 100, silent: true };
  expect((await hasty.call("steady", "never-2")).status).toBe(502);
  model.conditions = { silenceMilliseconds: 100 };
  const again = await hasty.call("steady", "never-1");
  expect(again.status).toBe(101);
  again.socket.close(1000);
  await hasty.stop();
});

test("wherever in a turn its session breaks, the turn is answered, and every word of it was heard", async () => {
  // Calls at the same time, each broken at another instant: while words come, in the silence, when the turn is taken, before and during the answer.
  await Promise.all(
    Array.from({ length: 24 }, async (_, place) => {
      const known = new Set(model.sessions);
      const client = await world.call("steady", `broken-${place}`);
      await client.next("session.created");
      const first = 100 * place + 1;
      const speaking = client.speak(words(first, first + 9, 12), 10);
      const mine = await until(() => model.sessions.find((session) => !known.has(session) && session.heard.includes(first)));
      Object.assign(mine, { conditions: { ...mine.conditions, answerDelay: 60, wordDelay: 30, transcriptDelay: 40 } });
      await sleep(place * 15);
      mine.drop();
      await speaking;
      const answer = await until(() => client.answers().at(-1));
      expect([place, answer.replace(/ \(.*/, "").replace(/^answer \d+ to: /, "")]).toEqual([place, `frames ${first}-${first + 9}`]);
      client.socket.close(1000);
    }),
  );
});
