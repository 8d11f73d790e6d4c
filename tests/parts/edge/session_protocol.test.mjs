// The parsers of sessions in workerd, against whatever may come: never an exception, and nothing that was not said.
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { expect, test } from "vitest";
import { concatenated } from "../../../components/edge/worker/src/session/batch.js";
import { closed, hungUp, sendable } from "../../../components/edge/worker/src/session/codes.js";
import { Conversation, answerOf, identified, responseOf } from "../../../components/edge/worker/src/session/conversation.js";
import { Heard } from "../../../components/edge/worker/src/session/heard.js";
import { audioBytes, bytesPerMillisecond, joined, merged, parse, tokensOf, turnDetection } from "../../../components/edge/worker/src/session/protocol.js";
import { begin } from "../../../components/edge/worker/src/session/record.js";
import { Room } from "../../../components/edge/worker/src/session/room.js";
import { digestOf, matches, newToken } from "../../../components/edge/worker/src/session/resume.js";
import { Transcript, retold } from "../../../components/edge/worker/src/session/transcript.js";

const TYPES = [
  "session.update", "session.updated", "session.created", "conversation.item.create", "conversation.item.added", "conversation.item.created",
  "conversation.item.done", "conversation.item.deleted", "conversation.item.truncated", "conversation.item.input_audio_transcription.completed",
  "input_audio_buffer.commit", "input_audio_buffer.committed", "input_audio_buffer.clear", "input_audio_buffer.speech_started",
  "input_audio_buffer.speech_stopped", "response.create", "response.created", "response.output_item.done", "response.output_audio.delta",
  "response.output_audio_transcript.delta", "response.done", "error", "something.else",
];
const FIELDS = ["event_id", "item_id", "item", "session", "response", "audio_start_ms", "audio_end_ms", "content_index", "transcript", "delta", "error", "usage"];
const ids = fc.constantFrom("a", "b", "c", "__proto__", "");
const item = fc.record(
  {
    id: ids,
    type: fc.constantFrom("message", "function_call", "function_call_output", "other"),
    role: fc.constantFrom("user", "assistant", "system"),
    status: fc.constantFrom("completed", "in_progress", "incomplete"),
    content: fc.oneof(fc.jsonValue(), fc.array(fc.record({ type: fc.constantFrom("input_audio", "output_audio", "input_text", "text"), transcript: fc.option(fc.string()), text: fc.string(), audio: fc.string() }, { requiredKeys: ["type"] }))),
  },
  { requiredKeys: ["id", "type"] },
);
const event = fc
  .tuple(fc.constantFrom(...TYPES), fc.dictionary(fc.constantFrom(...FIELDS), fc.oneof(fc.jsonValue(), ids, fc.nat(), item)))
  .map(([type, fields]) => ({ type, ...fields }));
const bytes = fc.uint8Array({ maxLength: 40 });
const base64 = (array) => btoa(String.fromCharCode(...array));

test("whoever sends and reads how, no more than the bound waits, and what fits is taken", () => {
  const step = fc.record({ size: fc.nat(120), read: fc.nat(200) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const [room, socket] = [new Room(300), { bufferedAmount: 0 }];
      for (const { size, read } of steps) {
        const before = socket.bufferedAmount;
        const taken = room.takes(socket, size);
        expect(taken).toBe(before + size <= 300);
        if (taken) socket.bufferedAmount += size;
        socket.bufferedAmount = Math.max(0, socket.bufferedAmount - read);
      }
    }),
  );
  const untold = new Room(10);
  expect(untold.takes({ bufferedAmount: undefined }, 1000)).toBe(true);
});

test("a frame is an event or nothing, whatever it is", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array().map((array) => array.buffer), fc.jsonValue().map((value) => JSON.stringify(value))), (frame) => {
      const read = parse(frame);
      expect(read === null || typeof read.type === "string").toBe(true);
    }),
  );
  expect(parse('{"type":"x"}')).toEqual({ type: "x" });
});

test("audio is counted as its bytes, and what is not base64 is no audio", () => {
  fc.assert(fc.property(bytes, (array) => audioBytes(base64(array)) === array.length));
  fc.assert(
    fc.property(fc.string(), (text) => {
      const counted = audioBytes(text);
      if (counted !== null) expect(atob(text)).toHaveLength(counted);
    }),
  );
  for (const value of [null, 7, {}, "a", "a===", "====", "ab=c"]) expect(audioBytes(value)).toBeNull();
});

test("joined audio is that of the parts, one after another", () => {
  fc.assert(fc.property(fc.array(bytes), (arrays) => joined(arrays.map(base64)) === base64(arrays.flatMap((array) => [...array]))));
  fc.assert(
    fc.property(fc.array(bytes), (arrays) => {
      const whole = concatenated(arrays.map((array) => array.slice().buffer));
      expect([...new Uint8Array(whole)]).toEqual(arrays.flatMap((array) => [...array]));
    }),
  );
});

test("usage is counted in numbers of 0 or more", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (usage) => {
      for (const count of Object.values(tokensOf(usage) ?? {})) expect(count).toBeGreaterThanOrEqual(0);
    }),
  );
  expect(tokensOf({ input_tokens: 5, output_tokens: -1, input_token_details: { cached_tokens: "3" } })).toEqual({ input: 5, cached: 0, output: 0 });
});

test("an update of a session replaces what it names and no more, however deep it is", () => {
  const before = { instructions: "a", audio: { input: { format: { type: "audio/pcm", rate: 24000 }, turn_detection: { type: "server_vad" } }, output: { voice: "v" } } };
  expect(merged(before, { audio: { input: { turn_detection: null } } })).toEqual({
    ...before,
    audio: { ...before.audio, input: { ...before.audio.input, turn_detection: null } },
  });
  fc.assert(
    fc.property(fc.dictionary(ids, fc.jsonValue()), fc.dictionary(ids, fc.jsonValue()), (one, other) => {
      expect(merged(merged(one, other), other)).toEqual(merged(one, other));
    }),
  );
  const deep = (depth) => parse(`{"type":"x","a":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}`);
  expect(() => merged(deep(5000), deep(5000))).not.toThrow();
  expect({}.polluted).toBeUndefined();
  merged({}, JSON.parse('{"__proto__": {"polluted": true}}'));
  expect({}.polluted).toBeUndefined();
});

test("what a session says of its audio and its turns is read, and anything else is the protocol's own default", () => {
  const session = (input) => ({ audio: { input } });
  expect(bytesPerMillisecond(session({ format: { type: "audio/pcmu" } }))).toBe(8);
  expect(bytesPerMillisecond({})).toBe(48);
  expect(turnDetection({})).toEqual({ detects: true, answers: true });
  expect(turnDetection(session({ turn_detection: null }))).toEqual({ detects: false, answers: false });
  expect(turnDetection(session({ turn_detection: { create_response: false } }))).toEqual({ detects: true, answers: false });
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom("audio", "input"), fc.jsonValue()), (odd) => {
      turnDetection(odd);
      expect([8, 48]).toContain(bytesPerMillisecond(odd));
    }),
  );
});

test("requests carry the ids by which their answers are known, those of the client where it gave some", () => {
  let number = 0;
  const newId = () => `id-${(number += 1)}`;
  expect(identified({ type: "response.create", event_id: "mine" }, newId)).toEqual({ type: "response.create", event_id: "mine" });
  expect(identified({ type: "conversation.item.create", item: { type: "message" } }, newId)).toEqual({
    type: "conversation.item.create",
    event_id: "id-1",
    item: { type: "message", id: "id-2" },
  });
  expect(identified({ type: "response.cancel" }, newId)).toEqual({ type: "response.cancel" });
});

test("no order of events breaks a conversation, and what is retold can be sent", async () => {
  await runInDurableObject(env.TENANT_GATE.get(env.TENANT_GATE.idFromName("fuzz")), (_, { storage }) => {
    begin(storage.sql, {});
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom("client", "upstream", "audio"), event, bytes), { maxLength: 30 }), (events) => {
        storage.sql.exec("DELETE FROM item");
        const transcript = new Transcript(storage.sql, 2000);
        const conversation = new Conversation(transcript, {}, { audioBytes: 100, quietSeconds: 1 });
        for (const [from, each, audio] of events) {
          if (from === "audio") conversation.append(base64(audio));
          else if (from === "client") conversation.fromClient(identified(each, () => "id"));
          else conversation.fromUpstream(each);
          expect(typeof conversation.idle).toBe("boolean");
          answerOf(each);
          responseOf(each);
        }
        const told = conversation.retold();
        for (const one of told) expect(parse(JSON.stringify(one))?.type).toBe(one.type);
        const audio = told.filter(({ type }) => type === "input_audio_buffer.append").map((append) => audioBytes(append.audio));
        expect(audio.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(100);
        const stored = storage.sql.exec("SELECT coalesce(sum(length(CAST(body AS BLOB))), 0) AS size FROM item").one().size;
        expect(stored).toBeLessThanOrEqual(2000);
      }),
      { numRuns: 200 },
    );
  });
});

test("what is kept of a caller's words is the newest of them, in their order, and no more than is said", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(bytes.filter((array) => array.length > 0), fc.constantFrom("append", "commit", "settle", "clear")), { maxLength: 40 }), fc.integer({ min: 1, max: 60 }), (steps, limit) => {
      const heard = new Heard(limit);
      let open = [];
      steps.forEach(([array, step], number) => {
        if (step === "append") {
          heard.append(base64(array));
          open.push(...array);
        } else {
          if (step === "commit") heard.committed(`item-${number}`);
          else if (step === "clear") heard.cleared();
          else heard.settled(`item-${number - 1}`);
          if (step !== "settle") open = [];
        }
      });
      const kept = heard.retold();
      const text = kept === null ? [] : [...atob(kept)].map((character) => character.charCodeAt(0));
      expect(text.length).toBeLessThanOrEqual(limit);
      expect(open.slice(open.length - text.length)).toEqual(text);
    }),
  );
});

test("a turn that the model found ends where it says; what follows is the next turn's", () => {
  const heard = new Heard(1000);
  for (const letter of "abcdef") heard.append(btoa(letter.repeat(3)));
  heard.turnBegan(3);
  heard.turnEnded(12);
  heard.committed("turn");
  expect(atob(heard.turn("turn"))).toBe("bbbcccddd");
  expect(atob(heard.retold())).toBe("eeefff");
  heard.settled("turn");
  expect(heard.turn("turn")).toBeNull();
});

test("an item is told as what was said in it; the assistant's sound and the unheard are not", () => {
  const user = (part) => ({ id: "i", type: "message", role: "user", content: [part] });
  expect(retold(user({ type: "input_audio", transcript: "hello" }), null).content).toEqual([{ type: "input_text", text: "hello" }]);
  expect(retold(user({ type: "input_audio", transcript: null }), "AAAA").content).toEqual([{ type: "input_audio", audio: "AAAA" }]);
  expect(retold(user({ type: "input_audio", transcript: null }), null)).toBeNull();
  const assistant = { id: "i", type: "message", role: "assistant", status: "completed", content: [{ type: "output_audio", transcript: "hi" }] };
  expect(retold(assistant, "AAAA").content).toEqual([{ type: "output_text", text: "hi" }]);
  expect(retold({ ...assistant, status: "in_progress" }, null)).toBeNull();
  const call = { id: "f", type: "function_call", call_id: "c", name: "n", arguments: "{}" };
  expect(retold({ ...call, status: "completed" }, null)).toEqual(call);
  expect(retold(call, null)).toEqual(call);
  for (const status of ["in_progress", "incomplete"]) expect(retold({ ...call, status, arguments: '{"da' }, null)).toBeNull();
});

test("a resume token is good for itself alone", async () => {
  const token = newToken(env.TENANT_GATE.newUniqueId());
  const digest = await digestOf(token);
  expect(digest).not.toContain(token.split(".")[1]);
  expect(await matches(token, digest)).toBe(true);
  for (let place = 0; place < token.length; place += 7) {
    expect(await matches(token.slice(0, place) + (token[place] === "A" ? "B" : "A") + token.slice(place + 1), digest)).toBe(false);
  }
  await fc.assert(fc.asyncProperty(fc.string(), async (text) => (await matches(text, digest)) === (text === token)), { numRuns: 50 });
});

test("every close code can be passed on with every reason, and only the client's own good-bye ends its call", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 70_000 }), fc.array(fc.integer({ min: 0, max: 0xd7ff }), { maxLength: 200 }), (code, reason) => {
      const sent = [];
      closed({ close: (...given) => sent.push(given) }, code, String.fromCodePoint(...reason));
      const [[given, words]] = sent;
      expect((given >= 1000 && given <= 1014 && ![1004, 1005, 1006].includes(given)) || (given >= 3000 && given <= 4999)).toBe(true);
      expect(new TextEncoder().encode(words).length).toBeLessThanOrEqual(123);
    }),
  );
  expect([1000, 1001, 1005, 1006, 1011, 4000].filter(hungUp)).toEqual([1000, 1005]);
  expect([1000, 1005, 1006, 1012, 1015, 3000, 2999].map(sendable)).toEqual([1000, 1000, 1012, 1012, 1012, 3000, 1012]);
});
