// A model that speaks the Realtime protocol, on this machine: it hears marked frames, answers in marked words, is late, breaks and ends on command.
//
// Audio is 24 kHz of 16 bits; a frame of 20 ms whose samples are all n > 0 is speech number n, one of zeros is silence. What was said is written down as
// "frames 3-17", so that a test sees exactly what arrived. An answer is "answer 2 to: frames 3-17 (5 items)".
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(new URL("../../parts/edge/package.json", import.meta.url))("ws");

export const FRAME_BYTES = 960;
const FRAME_MILLISECONDS = 20;
const BYTES_PER_MILLISECOND = 48;
const WORDS_PER_ANSWER = 3;

/** A frame of speech number `number`, in base64; of silence where it is 0. */
export function frame(number) {
  return Buffer.from(new Int16Array(FRAME_BYTES / 2).fill(number).buffer).toString("base64");
}

/**
 * The model, listening. `conditions` may be changed while it runs; they hold for what begins after that:
 * refuse: new connections get this status; silent: connections open and nothing comes; limitMilliseconds: how long a session lives;
 * openDelay, answerDelay, wordDelay, transcriptDelay: milliseconds before session.created, the first token, each further one, what was said is written down.
 */
export async function startRealtime(conditions = {}) {
  const model = { conditions: { silenceMilliseconds: 100, ...conditions }, sessions: [], connections: 0 };
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 32 * 1024 * 1024 });
  server.on("upgrade", (request, socket, head) => {
    model.connections += 1;
    const { refuse } = model.conditions;
    if (refuse) return socket.end(`HTTP/1.1 ${refuse} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    sockets.handleUpgrade(request, socket, head, (opened) => model.sessions.push(new Session(opened, request, model)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  model.url = `http://127.0.0.1:${server.address().port}/v1/realtime`;
  /** Sessions that are open. */
  model.open = () => model.sessions.filter((session) => session.closed === null);
  model.stop = () => {
    for (const session of model.open()) session.drop();
    server.close();
  };
  return model;
}

/** One connection's session, as far as callers can tell. */
class Session {
  /** Every event that came, in order. */
  events = [];
  /** The close code, once it is closed. */
  closed = null;
  config = { type: "realtime", audio: { input: { turn_detection: { type: "server_vad" } } } };
  items = [];
  #buffer = [];
  #heardBytes = 0;
  #speech = null;
  #answering = null;
  #answers = 0;

  constructor(socket, request, model) {
    this.socket = socket;
    this.headers = request.headers;
    this.model = model;
    this.number = model.sessions.length + 1;
    this.conditions = model.conditions;
    const { openDelay = 0, silent, limitMilliseconds } = this.conditions;
    socket.on("message", (data, binary) => this.#received(String(data), binary));
    socket.on("close", (code) => {
      this.closed = code;
      clearTimeout(this.limit);
    });
    if (!silent) setTimeout(() => this.send({ type: "session.created", session: this.#described() }), openDelay);
    if (limitMilliseconds) this.limit = setTimeout(() => this.expire(), limitMilliseconds);
  }

  send(event) {
    if (this.socket.readyState === 1) this.socket.send(JSON.stringify({ event_id: `event_${Math.random().toString(36).slice(2)}`, ...event }));
  }

  /** The connection breaks. */
  drop() {
    this.socket.terminate();
  }

  /** The session is as old as it may be. */
  expire() {
    this.#refuse({ type: "invalid_request_error", code: "session_expired", message: "Your session hit the maximum duration." });
    this.socket.close(1001, "session expired");
  }

  /** Every frame of speech that came, by number. */
  get heard() {
    return this.events.filter(({ type }) => type === "input_audio_buffer.append").flatMap(({ audio }) => numbersIn(Buffer.from(audio, "base64")));
  }

  /** How many messages of audio came. */
  get appends() {
    return this.events.filter(({ type }) => type === "input_audio_buffer.append").length;
  }

  #described() {
    return { id: `sess_${this.number}`, object: "realtime.session", model: "fake", expires_at: 0, ...this.config };
  }

  #received(text, binary) {
    let event;
    try {
      if (binary) throw new TypeError("binary");
      event = JSON.parse(text);
    } catch {
      return this.#refuse({ code: "invalid_json", message: "not JSON" });
    }
    this.events.push(event);
    switch (event.type) {
      case "session.update":
        if (event.session?.refuse) return this.#refuse({ code: "invalid_value", message: "refused", event_id: event.event_id });
        this.config = merge(this.config, event.session ?? {});
        return this.send({ type: "session.updated", session: this.#described() });
      case "input_audio_buffer.append":
        return this.#hear(Buffer.from(event.audio, "base64"));
      case "input_audio_buffer.commit":
        if (this.#buffer.length === 0) return this.#refuse({ code: "input_audio_buffer_commit_empty", message: "empty", event_id: event.event_id });
        return this.#commit(false);
      case "input_audio_buffer.clear":
        this.#buffer = [];
        this.#speech = null;
        return this.send({ type: "input_audio_buffer.cleared" });
      case "conversation.item.create": {
        const item = { id: `item_${this.number}_${this.items.length}`, object: "realtime.item", status: "completed", ...event.item };
        if (this.items.some(({ id }) => id === item.id)) return this.#refuse({ code: "item_exists", message: item.id, event_id: event.event_id });
        return this.#added(item, true);
      }
      case "conversation.item.truncate":
        return this.send({ type: "conversation.item.truncated", item_id: event.item_id, content_index: event.content_index, audio_end_ms: event.audio_end_ms });
      case "conversation.item.delete":
        this.items = this.items.filter(({ id }) => id !== event.item_id);
        return this.send({ type: "conversation.item.deleted", item_id: event.item_id });
      case "response.create":
        if (this.#answering !== null) {
          return this.#refuse({ code: "conversation_already_has_active_response", message: "busy", event_id: event.event_id });
        }
        return void this.#answer(event.response ?? {});
      case "response.cancel":
        if (this.#answering !== null) this.#answering.cancelled = true;
        return undefined;
      default:
        return this.#refuse({ code: "unknown_event", message: String(event.type), event_id: event.event_id });
    }
  }

  #refuse(error) {
    this.send({ type: "error", error: { type: "invalid_request_error", ...error } });
  }

  #hear(audio) {
    for (let start = 0; start < audio.length; start += FRAME_BYTES) {
      this.#buffer.push(audio.subarray(start, start + FRAME_BYTES));
      this.#frame(audio.readInt16LE(start));
    }
  }

  /** What the model's ear makes of one frame: speech begins with a sound and ends after enough silence. */
  #frame(number) {
    const from = this.#heardBytes / BYTES_PER_MILLISECOND;
    this.#heardBytes += FRAME_BYTES;
    if (this.config.audio.input.turn_detection === null) return;
    if (number > 0 && this.#speech === null) {
      this.#speech = { item: `item_${this.number}_${this.items.length}_${Math.random().toString(36).slice(2, 8)}`, silence: 0 };
      this.send({ type: "input_audio_buffer.speech_started", audio_start_ms: from, item_id: this.#speech.item });
    }
    if (this.#speech === null) return;
    this.#speech.silence = number > 0 ? 0 : this.#speech.silence + FRAME_MILLISECONDS;
    if (this.#speech.silence < this.conditions.silenceMilliseconds) return;
    this.send({ type: "input_audio_buffer.speech_stopped", audio_end_ms: from + FRAME_MILLISECONDS, item_id: this.#speech.item });
    this.#commit(this.config.audio.input.turn_detection.create_response !== false);
  }

  #commit(answers) {
    const id = this.#speech?.item ?? `item_${this.number}_${this.items.length}`;
    const numbers = numbersIn(Buffer.concat(this.#buffer));
    this.#buffer = [];
    this.#speech = null;
    const previous = this.items.at(-1)?.id ?? null;
    this.send({ type: "input_audio_buffer.committed", item_id: id, previous_item_id: previous });
    const item = { id, object: "realtime.item", type: "message", status: "completed", role: "user", content: [{ type: "input_audio", transcript: null }], numbers };
    this.#added(item, true);
    if (this.config.audio.input.transcription) {
      setTimeout(() => {
        const usage = { type: "tokens", total_tokens: 3, input_tokens: 2, output_tokens: 1 };
        this.send({ type: "conversation.item.input_audio_transcription.completed", item_id: id, content_index: 0, transcript: written(numbers), usage });
      }, this.conditions.transcriptDelay ?? 0);
    }
    if (answers) void this.#answer({});
  }

  #added(item, done) {
    const previous_item_id = this.items.at(-1)?.id ?? null;
    this.items.push(item);
    const { numbers, ...told } = item;
    const content = told.content?.map(({ audio, ...part }) => part);
    const shown = content === undefined ? told : { ...told, content };
    this.send({ type: "conversation.item.added", previous_item_id, item: shown });
    if (done) this.send({ type: "conversation.item.done", previous_item_id, item: shown });
  }

  /** What was said last, by whoever said it. */
  get #last() {
    const item = this.items.findLast(({ role }) => role === "user");
    if (item === undefined) return "nothing";
    if (item.numbers) return written(item.numbers);
    return item.content.map((part) => part.text ?? written(numbersIn(Buffer.from(part.audio ?? "", "base64")))).join(" ");
  }

  async #answer(asked) {
    const { answerDelay = 0, wordDelay = 0 } = this.conditions;
    const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    const answering = (this.#answering = { cancelled: false });
    this.#answers += 1;
    const id = `resp_${this.number}_${this.#answers}`;
    const item = { id: `answer_${this.number}_${this.#answers}`, object: "realtime.item", type: "message", role: "assistant", status: "in_progress", content: [] };
    const words = `${asked.instructions ?? `answer ${this.#answers}`} to: ${this.#last} (${this.items.length} items)`;
    const place = { response_id: id, item_id: item.id, output_index: 0, content_index: 0 };
    this.send({ type: "response.created", response: { id, object: "realtime.response", status: "in_progress", output: [] } });
    this.send({ type: "response.output_item.added", response_id: id, output_index: 0, item });
    this.#added(item, false);
    this.send({ type: "response.content_part.added", ...place, part: { type: "output_audio", transcript: "" } });
    await wait(answerDelay);
    let said = "";
    const step = Math.ceil(words.length / WORDS_PER_ANSWER);
    for (let start = 0; start < words.length && !answering.cancelled; start += step) {
      const delta = words.slice(start, start + step);
      said += delta;
      this.send({ type: "response.output_audio_transcript.delta", ...place, delta });
      await wait(wordDelay);
      this.send({ type: "response.output_audio.delta", ...place, delta: frame(1) });
    }
    const status = answering.cancelled ? "cancelled" : "completed";
    const done = { ...item, status: answering.cancelled ? "incomplete" : "completed", content: [{ type: "output_audio", transcript: said }] };
    Object.assign(item, done);
    this.send({ type: "response.output_audio.done", ...place });
    this.send({ type: "response.output_audio_transcript.done", ...place, transcript: said });
    this.send({ type: "response.output_item.done", response_id: id, output_index: 0, item: done });
    this.send({ type: "conversation.item.done", previous_item_id: null, item: done });
    const usage = {
      total_tokens: 130,
      input_tokens: 100,
      output_tokens: 30,
      input_token_details: { cached_tokens: 60, text_tokens: 20, audio_tokens: 80 },
      output_token_details: { text_tokens: 10, audio_tokens: 20 },
    };
    this.#answering = null;
    this.send({ type: "response.done", response: { id, object: "realtime.response", status, output: [done], usage } });
    this.send({ type: "rate_limits.updated", rate_limits: [{ name: "tokens", limit: 20_000_000, remaining: 19_999_870, reset_seconds: 0.1 }] });
  }
}

/** The numbers of the frames of speech in a piece of audio. */
function numbersIn(audio) {
  const numbers = [];
  for (let start = 0; start + 1 < audio.length; start += FRAME_BYTES) if (audio.readInt16LE(start) > 0) numbers.push(audio.readInt16LE(start));
  return numbers;
}

/** Numbers as a transcript: "frames 3-17", with a comma wherever one is missing or out of order. */
function written(numbers) {
  const runs = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run !== undefined && number === run[1] + 1) run[1] = number;
    else runs.push([number, number]);
  }
  return `frames ${runs.map(([first, last]) => `${first}-${last}`).join(", ")}`;
}

function merge(before, update) {
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  return Object.fromEntries(
    [...new Set([...Object.keys(before), ...Object.keys(update)])].map((key) => [
      key,
      !(key in update) ? before[key] : isObject(before[key]) && isObject(update[key]) ? merge(before[key], update[key]) : update[key],
    ]),
  );
}
