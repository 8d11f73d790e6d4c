import { Batch } from "./batch.js";
import { size } from "./client.js";
import { FAILED, NORMAL, REFUSED, TRY_LATER, closed } from "./codes.js";
import { answerOf, identified, responseOf } from "./conversation.js";
import { audioBytes, complaint, joined, object, parse, text, tokensOf } from "./protocol.js";
import { TurnTimer } from "./latency.js";
import { Room } from "./room.js";

const SESSION_EXPIRED = "session_expired";
const ADDED = new Set(["conversation.item.added", "conversation.item.created", "conversation.item.done"]);

/**
 * A model that speaks the Realtime protocol. Its sessions are shorter than calls may be, and break: another takes over, and is told the conversation.
 *
 * Before its session ends a second one is opened beside it and takes over when nobody speaks. One that is lost is replaced at once.
 *
 * @typedef {SessionHost & {
 *   usage(id: string, tokens: Tokens): void,
 *   latency(firstToken: number | null, firstAudio: number | null): void,
 *   configured(session: Record<string, unknown>): void,
 * }} RealtimeHost
 * @typedef {{ socket: WebSocket, configured: string, events: string[] }} Opened
 * @implements {Upstream}
 */
export class Realtime {
  /** @type {WebSocket | null} */
  #current = null;
  #room = new Room(0);
  /** @type {Opened | null} */
  #next = null;
  /** What the client sends while no upstream is there, and that nothing else keeps. @type {string[]} */
  #waiting = [];
  /** How much the client has sent since no upstream is there, sound apart. */
  #sentAway = 0;
  /** Items that the current upstream was told of by us: its word of them is none for the client. @type {Set<string>} */
  #told = new Set();
  /** Updates of the session that are ours. */
  #ownUpdates = 0;
  #tookOver = 0;
  #recoveries = 0;
  #over = false;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #ageing = null;
  #timer = new TurnTimer();
  /** @type {Batch<string>} */
  #audio;

  /**
   * @param {() => Promise<WebSocket | null>} connect
   * @param {RealtimeSettings} vertical
   * @param {SessionSettings} settings
   * @param {import("./conversation.js").Conversation} conversation
   * @param {RealtimeHost} host
   */
  constructor(connect, vertical, settings, conversation, host) {
    this.connect = connect;
    this.vertical = vertical;
    this.settings = settings;
    this.conversation = conversation;
    this.host = host;
    this.#audio = new Batch(settings.batchMilliseconds, (frames) => this.#send(JSON.stringify({ type: "input_audio_buffer.append", audio: joined(frames) })));
  }

  /** @param {boolean} first */
  async open(first) {
    const opened = await this.#opened();
    if (opened === null) return false;
    this.#takeOver(opened);
    // The client takes the first session for the only one.
    if (first) for (const event of opened.events) this.host.toClient(event);
    return true;
  }

  /** @param {string | ArrayBuffer} frame */
  fromClient(frame) {
    const said = parse(frame);
    if (said === null) return this.host.toClient(complaint("invalid_event", "a frame is a JSON object with a type"));
    if (said.type === "input_audio_buffer.append") return this.#heard(said.audio);
    const event = identified(said, newId);
    this.#audio.flush();
    if (event.type === "response.create" || event.type === "input_audio_buffer.commit") this.#timer.turnEnded(Date.now());
    const kept = this.conversation.fromClient(event);
    const sent = JSON.stringify(event);
    if (this.#current !== null) this.#send(sent);
    else this.#wait(sent, kept);
  }

  close() {
    this.#over = true;
    clearTimeout(this.#ageing);
    for (const socket of [this.#current, this.#next?.socket]) if (socket) closed(socket, NORMAL, "the call is over");
    this.#current = this.#next = null;
  }

  /** @param {unknown} audio */
  #heard(audio) {
    if (!audioBytes(audio)) return this.host.toClient(complaint("invalid_audio", "audio is base64, and not empty"));
    const frame = String(audio);
    this.conversation.append(frame);
    // Without an upstream the conversation keeps it; the next one is told.
    if (this.#current !== null) this.#audio.add(frame);
  }

  /**
   * @param {string} event
   * @param {boolean} kept by the conversation
   */
  #wait(event, kept) {
    if (!kept) this.#waiting.push(event);
    this.#sentAway += event.length;
    if (this.#sentAway > this.settings.backlogBytes) this.host.end(REFUSED, "too much was sent while the model was away");
  }

  /** @param {string} event */
  #send(event) {
    if (this.#current === null) return;
    if (!this.#room.takes(this.#current, event.length)) return this.host.end(TRY_LATER, "the model does not keep up");
    this.#current.send(event);
  }

  /**
   * @param {WebSocket} socket
   * @param {string | ArrayBuffer} frame
   */
  #fromUpstream(socket, frame) {
    if (socket !== this.#current) return;
    if (size(frame) > this.settings.frameBytes) return this.host.end(FAILED, "the model sent too large a frame");
    const event = parse(frame);
    if (event === null) return console.error(JSON.stringify({ event: "not of the protocol", from: "upstream" }));
    this.#measured(event);
    if (!this.#ours(event)) this.host.toClient(frame);
    this.#swapped();
  }

  /**
   * Whether an event answers what the client did not ask: what we told the upstream, or that its session is over, after which another takes over.
   *
   * @param {RealtimeEvent} event
   */
  #ours(event) {
    if (event.type === "session.updated" && this.#ownUpdates > 0) {
      this.#ownUpdates -= 1;
      return true;
    }
    this.conversation.fromUpstream(event);
    if (event.type === "session.updated") this.host.configured(this.conversation.session);
    if (event.type === "error") return object(event.error)?.code === SESSION_EXPIRED;
    return ADDED.has(event.type) && this.#told.has(text(object(event.item)?.id) ?? "");
  }

  /** @param {RealtimeEvent} event */
  #measured(event) {
    const [now, answer] = [Date.now(), answerOf(event)];
    if (event.type === "input_audio_buffer.speech_stopped") this.#timer.turnEnded(now);
    if (answer !== null) {
      const { firstToken, firstAudio } = this.#timer.answered(answer === "sound", now);
      if (firstToken !== null || firstAudio !== null) this.host.latency(firstToken, firstAudio);
    }
    if (event.type === "response.done") this.#timer.done();
    const id = event.type === "response.done" ? responseOf(event) : text(event.item_id);
    const tokens = tokensOf(event.type === "response.done" ? object(event.response)?.usage : event.usage);
    if (id && tokens !== null) this.host.usage(id, tokens);
  }

  /** A connection whose session is configured as the call's; null where none comes of it in time. @returns {Promise<Opened | null>} */
  async #opened() {
    const socket = await this.connect();
    if (socket === null) return null;
    const session = this.conversation.session;
    const configured = JSON.stringify(session);
    /** @type {string[]} */
    const events = [];
    const ready = await new Promise((resolve) => {
      const late = setTimeout(() => resolve(false), this.settings.openSeconds * 1000);
      const settle = (/** @type {boolean} */ outcome) => {
        clearTimeout(late);
        resolve(outcome);
      };
      socket.addEventListener("message", ({ data }) => {
        if (socket === this.#current) return this.#fromUpstream(socket, data);
        const event = parse(data);
        if (event === null || typeof data !== "string") return;
        events.push(data);
        if (event.type === "error") {
          console.error(JSON.stringify({ event: "session refused", code: object(event.error)?.code }));
          settle(false);
        } else if (event.type === "session.updated") settle(true);
        else if (event.type === "session.created" && Object.keys(session).length === 0) settle(true);
        else if (event.type === "session.created") socket.send(JSON.stringify({ type: "session.update", session }));
      });
      const gone = () => {
        settle(false);
        this.#gone(socket);
      };
      socket.addEventListener("close", gone);
      // Of a far side that breaks the protocol there is no close.
      socket.addEventListener("error", gone);
    });
    if (ready && !this.#over) return { socket, configured, events };
    closed(socket, NORMAL, "not needed");
    return null;
  }

  /** @param {Opened} opened */
  #takeOver({ socket, configured }) {
    const old = this.#current;
    // What waits in the batch is in what is retold.
    this.#audio.drop();
    this.#current = socket;
    this.#room = new Room(this.settings.backlogBytes);
    this.#next = null;
    this.#tookOver = Date.now();
    this.#ownUpdates = 0;
    if (configured !== JSON.stringify(this.conversation.session)) {
      this.#ownUpdates = 1;
      socket.send(JSON.stringify({ type: "session.update", session: this.conversation.session }));
    }
    const events = this.conversation.retold();
    this.#told = new Set(events.filter(({ event_id }) => event_id === undefined).map(({ item }) => String(object(item)?.id)));
    for (const event of [...events.map((event) => JSON.stringify(event)), ...this.#waiting]) socket.send(event);
    this.#waiting = [];
    this.#sentAway = 0;
    if (old !== null) closed(old, NORMAL, "another session takes over");
    clearTimeout(this.#ageing);
    this.#ageing = setTimeout(() => this.#prepare(), this.vertical.reopenSeconds * 1000);
  }

  /** Open the next session beside this one. */
  async #prepare() {
    const opened = await this.#opened();
    if (this.#over) return;
    if (opened !== null) this.#next = opened;
    else this.#ageing = setTimeout(() => this.#prepare(), this.settings.retrySeconds * 1000);
    this.#swapped();
  }

  /** Between turns the next session takes over, where there is one. */
  #swapped() {
    if (this.#next === null || this.#current === null || !this.conversation.idle) return;
    this.#takeOver(this.#next);
    this.host.toClient(JSON.stringify({ type: "headroom.reopened", reason: "age", interrupted: [] }));
  }

  /** @param {WebSocket} socket */
  #gone(socket) {
    if (socket === this.#next?.socket) {
      this.#next = null;
      this.#ageing = setTimeout(() => this.#prepare(), this.settings.retrySeconds * 1000);
    } else if (socket === this.#current && !this.#over) {
      this.#current = null;
      void this.#recovered();
    }
  }

  /** Replace a lost session, in the middle of whatever is being said. */
  async #recovered() {
    const { openSeconds, retrySeconds } = this.settings;
    const { interrupted } = this.conversation;
    const flapping = this.#recoveries > 0 && Date.now() - this.#tookOver < openSeconds * 1000;
    const deadline = Date.now() + openSeconds * 1000;
    let opened = this.#next;
    while (opened === null && !flapping && !this.#over && Date.now() < deadline) {
      opened = await this.#opened();
      if (opened === null) await new Promise((resolve) => setTimeout(resolve, retrySeconds * 1000));
    }
    if (this.#over) return opened === null ? undefined : closed(opened.socket, NORMAL, "the call is over");
    if (opened === null) return this.host.end(TRY_LATER, "the model is gone");
    this.#recoveries += 1;
    this.#takeOver(opened);
    this.host.toClient(JSON.stringify({ type: "headroom.reopened", reason: "lost", interrupted }));
  }
}

/** An id as the protocol takes them: at most 32 characters. */
function newId() {
  return `hr_${crypto.randomUUID().replaceAll("-", "").slice(3)}`;
}
