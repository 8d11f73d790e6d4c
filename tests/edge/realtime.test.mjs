// Calls to a model through the whole edge: its sessions grow old and break, the edge is deployed and crashes, and the conversation goes on.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { openEdge } from "../parts/edge/edge.mjs";
import { arrive, eventually, hangUp, pause } from "./scenarios.mjs";
import { frame, startRealtime } from "./upstream/realtime.mjs";

const VERTICAL = "it-helpdesk";
const SILENCE = Array(8).fill(0);
const from = (first, last) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

const model = await startRealtime();
const persist = mkdtempSync(join(tmpdir(), "realtime-"));
const edge = await openEdge(process.env.ACCOUNT, model.url, persist);
after(async () => {
  await edge.close();
  model.stop();
  rmSync(persist, { recursive: true, force: true });
});
beforeEach(() => {
  model.conditions = { silenceMilliseconds: 100 };
  model.sessions.length = 0;
});

/** A call that has begun. */
async function begun(name) {
  const tenant = await edge.tenant(name, "starter");
  const client = await arrive(tenant, VERTICAL, "the-call");
  assert.equal(client.status, 101, JSON.stringify(client.body));
  assert.equal(client.first.type, "headroom.started");
  return Object.assign(client, { tenant });
}

async function speak(client, numbers) {
  for (const number of numbers) {
    client.socket.send(JSON.stringify({ type: "input_audio_buffer.append", audio: frame(number) }));
    await pause(10);
  }
}

/** What the model said to this client, once it is so many answers. */
const answers = (client, count) =>
  eventually(
    "answers",
    () => client.messages.filter(({ type }) => type === "response.output_audio_transcript.done").map(({ transcript }) => transcript),
    (found) => found.length === count,
  );

const back = async (client) => {
  const resumed = await edge.resume(VERTICAL, client.first.resume);
  assert.equal(resumed.status, 101, JSON.stringify(resumed.body));
  return Object.assign(resumed, { first: client.first, tenant: client.tenant, told: await resumed.next(({ type }) => type === "headroom.resumed") });
};

test("a call is answered, timed and metered for its tenant, with the key of the provider", async () => {
  const client = await begun("metered");
  await speak(client, [...from(1, 10), ...SILENCE]);
  assert.deepEqual(await answers(client, 1), ["answer 1 to: frames 1-10 (1 items)"]);
  assert.match(model.sessions[0].headers.authorization, /^Bearer ./);
  assert.equal(model.sessions[0].headers["cf-access-client-secret"], undefined);
  await client.next(({ type }) => type === "response.done");
  await hangUp([client]);
  const of = (name) => `headroom_edge_${name}`.replace("}", `tenant="metered"}`);
  const metrics = await eventually("metrics", () => edge.metrics(), (found) => found[of("turns_total{}")] === 1);
  assert.equal(metrics['headroom_edge_tokens_total{tenant="metered",kind="output"}'], 31);
  assert.equal(metrics[of("first_token_seconds_count{}")], 1);
  assert.ok(metrics[of("first_audio_seconds_sum{}")] >= metrics[of("first_token_seconds_sum{}")]);
});

test("over many of the model's sessions a caller has one conversation", async () => {
  const client = await begun("long");
  for (let turn = 0; turn < 6; turn += 1) {
    await speak(client, [...from(10 * turn + 1, 10 * turn + 9), ...SILENCE]);
    await answers(client, turn + 1);
    await pause(700);
  }
  const said = await answers(client, 6);
  assert.deepEqual(
    said.map((answer) => /to: (.*) \((\d+)/.exec(answer).slice(1)),
    Array.from({ length: 6 }, (_, turn) => [`frames ${10 * turn + 1}-${10 * turn + 9}`, String(2 * turn + 1)]),
  );
  assert.ok(model.sessions.length > 2, `${model.sessions.length} sessions`);
  assert.equal(client.messages.filter(({ type }) => type === "session.created").length, 1);
  await hangUp([client]);
});

for (const [what, happens] of [["a deploy", () => edge.deploy()], ["a crash of workerd", () => edge.crash()]]) {
  test(`after ${what} callers come back and are understood`, async () => {
    const client = await begun(what.replaceAll(" ", "-"));
    await speak(client, [...from(1, 5), ...SILENCE]);
    await client.next(({ type }) => type === "response.done");
    await happens();
    const resumed = await back(client);
    assert.equal(resumed.told.position, 2);
    await speak(resumed, [...from(6, 9), ...SILENCE]);
    assert.deepEqual(await answers(resumed, 1), ["answer 1 to: frames 6-9 (3 items)"]);
    await hangUp([resumed]);
  });
}

test("a model that breaks off in a sentence hears the whole of it", async () => {
  const client = await begun("broken");
  await speak(client, from(1, 10));
  await eventually("what the model heard", () => model.sessions[0].heard.length, (count) => count > 5);
  model.sessions[0].drop();
  await speak(client, [...from(11, 20), ...SILENCE]);
  assert.deepEqual(await answers(client, 1), ["answer 1 to: frames 1-20 (1 items)"]);
  await hangUp([client]);
});

test("a model that does not answer is a refusal like any other", async () => {
  model.conditions = { refuse: 503 };
  const tenant = await edge.tenant("unanswered", "starter");
  const client = await arrive(tenant, VERTICAL);
  assert.equal(client.first.type, "refused");
  assert.equal(client.first.reason, "upstream");
  await hangUp([client]);
});
