// Sessions that run against the fake upstreams, and clients of theirs.
import { once } from "node:events";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { WebSocket } from "ws";
import { frame } from "../../edge/upstream/realtime.mjs";

export { frame };

/** Figures with room for a machine that is busy with other things; a test of one of them makes it small. */
export const SESSION = {
  batchMilliseconds: 60,
  resumeSeconds: 20,
  parkSeconds: 15,
  silenceSeconds: 60,
  openSeconds: 10,
  retrySeconds: 0.1,
  marginSeconds: 0.5,
  frameBytes: 100_000,
  backlogBytes: 1_000_000,
  transcriptBytes: 100_000,
  audioBytes: 1_000_000,
  quietSeconds: 1,
  latencyBuckets: [50, 100, 400],
};
const TIMES = { heartbeatSeconds: 1, leaseSeconds: 30, loanSeconds: 60, reportedSeconds: 3600 };

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Wait until `found` finds something, and return it. */
export async function until(found, milliseconds = 40_000) {
  const end = Date.now() + milliseconds;
  for (;;) {
    const value = await found();
    if (value) return value;
    if (Date.now() > end) throw new Error(`nothing within ${milliseconds} ms: ${found}`);
    await sleep(10);
  }
}

/**
 * workerd with the sessions' classes and stand-ins of gate and pool.
 *
 * @param {Record<string, object>} verticals
 * @param {{ session?: object, times?: object, persist?: string }} figures
 */
export async function startWorld(verticals, { session = {}, times = {}, persist } = {}) {
  const [{ text: contents }] = (
    await build({
      entryPoints: [new URL("session_stage.mjs", import.meta.url).pathname],
      bundle: true,
      write: false,
      format: "esm",
      external: ["cloudflare:workers"],
    })
  ).outputFiles;
  const options = {
    host: "127.0.0.1",
    port: 0,
    modules: [{ type: "ESModule", path: "stage.js", contents }],
    compatibilityDate: "2026-10-01",
    durableObjects: Object.fromEntries(
      [["CALL_SESSION", "CallSession"], ["TENANT_GATE", "TenantGate"], ["POOL", "Pool"]].map(([binding, className]) => [binding, { className, useSQLite: true }]),
    ),
    ...(persist && { durableObjectsPersist: persist }),
    bindings: {
      SETTINGS: { verticals, ...TIMES, ...times, session: { ...SESSION, ...session } },
      ACCESS_CLIENT_ID: "an-id",
      ACCESS_CLIENT_SECRET: "a-secret",
      REALTIME_KEY: "a-key",
    },
  };
  const miniflare = new Miniflare(options);
  const url = await miniflare.ready;
  const ask = async (path) => (await fetch(new URL(path, url))).json();
  return {
    miniflare,
    /** What the gate or pool was asked so far, from now on answering "yes", "no", "fail" or "hang". */
    gate: (tenant, answers) => ask(`gate/${tenant}${answers ? `?answers=${answers}` : ""}`),
    pool: (shard, answers) => ask(`pool/${encodeURIComponent(shard)}${answers ? `?answers=${answers}` : ""}`),
    /** How many objects of calls were made so far. */
    made: () => ask("made"),
    call: (vertical, call, { tenant = "acme", ...query } = {}) => {
      const at = new URL(`${tenant}/${call}/${vertical}?${new URLSearchParams(query)}`, new URL("/calls/", url));
      at.protocol = "ws";
      return connect(at);
    },
    stop: () => miniflare.dispose(),
  };
}

/** A client: its status, what it was told, and how it was closed. */
async function connect(at) {
  const socket = new WebSocket(at, { perMessageDeflate: false });
  const client = { socket, status: 0, frames: [], code: null, reason: null };
  socket.on("message", (data, binary) => client.frames.push(binary ? data : parsed(String(data))));
  socket.on("close", (code, reason) => Object.assign(client, { code, reason: String(reason) }));
  socket.on("error", () => {});
  const refused = once(socket, "unexpected-response").then(([, answer]) => answer.statusCode);
  refused.catch(() => {});
  client.status = await Promise.race([once(socket, "open").then(() => 101), refused]);
  client.send = (event) => socket.send(JSON.stringify(event));
  /** The frames that came, by type. */
  client.of = (type) => client.frames.filter((each) => each.type === type);
  client.next = (type, count = 1) => until(() => client.of(type)[count - 1]);
  /** Speak, one frame of 20 ms after another: speech by its numbers, 0 is silence. */
  client.speak = async (numbers, pace = 5) => {
    for (const number of numbers) {
      client.send({ type: "input_audio_buffer.append", audio: frame(number) });
      await sleep(pace);
    }
  };
  client.closed = () => until(() => client.code !== null && client.code);
  /** What the model said, answer by answer. */
  client.answers = () => client.of("response.output_audio_transcript.done").map(({ transcript }) => transcript);
  return client;
}

const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** Numbers from `first` to `last`, and silence after them until the model takes the turn for over. */
export const words = (first, last, silence = 8) => [...Array.from({ length: last - first + 1 }, (_, index) => first + index), ...Array(silence).fill(0)];
