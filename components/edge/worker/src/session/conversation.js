import { Heard } from "./heard.js";
import { amount, bytesPerMillisecond, merged, object, text, turnDetection } from "./protocol.js";
import { contentOf, retold } from "./transcript.js";

const BYTES_PER_MILLISECOND_OUT = 48;
/** Both names of each event: that of the protocol as it is, and that of its beta, which some providers still speak. */
const SOUND = new Set(["response.output_audio.delta", "response.audio.delta"]);
const WORDS = new Set([
  "response.output_text.delta",
  "response.text.delta",
  "response.output_audio_transcript.delta",
  "response.audio_transcript.delta",
  "response.function_call_arguments.delta",
]);

/**
 * A conversation as both sides made it: enough to tell it to a new upstream at any instant, and to know when nobody is in the middle of something.
 *
 * It only listens: it is shown every event of the client and of the upstream.
 */
export class Conversation {
  /** What an upstream was asked for and did not answer yet. */
  #unanswered = {
    /** @type {RealtimeEvent[]} */
    updates: [],
    /** By the item's id. @type {Map<string, RealtimeEvent>} */
    items: new Map(),
    /** @type {RealtimeEvent | null} */
    commit: null,
  };
  /** The answer that is owed: how it was asked for; null where none is. @type {RealtimeEvent | null} */
  #owed = null;
  /** @type {Set<string>} */
  #responses = new Set();
  #speaking = false;
  /** How much sound of an item the client was sent, in milliseconds. @type {Map<string, number>} */
  #played = new Map();
  #heard;

  /**
   * @param {import("./transcript.js").Transcript} transcript
   * @param {Record<string, unknown>} session what was configured so far
   * @param {{ audioBytes: number, quietSeconds: number }} settings
   */
  constructor(transcript, session, settings) {
    this.transcript = transcript;
    this.session = session;
    this.settings = settings;
    this.#heard = new Heard(settings.audioBytes);
  }

  /** Whether nobody speaks, answers, or waits for an answer. */
  get idle() {
    const { updates, items, commit } = this.#unanswered;
    return !this.#speaking && commit === null && this.#owed === null && this.#responses.size === 0 && updates.length === 0 && items.size === 0;
  }

  /** Answers that a loss of the upstream now breaks off. */
  get interrupted() {
    return [...this.#responses];
  }

  /** @param {string} audio in base64 */
  append(audio) {
    this.#heard.append(audio);
    if (!this.#speaking && turnDetection(this.session).detects) {
      this.#heard.quiet(this.settings.quietSeconds * 1000 * bytesPerMillisecond(this.session));
    }
  }

  /**
   * Whether the event is a request that is kept until it is answered, and put again to an upstream that takes over.
   *
   * @param {RealtimeEvent} event that the client sends, `identified`
   */
  fromClient(event) {
    switch (event.type) {
      case "session.update":
        this.#unanswered.updates.push(event);
        return true;
      case "conversation.item.create":
        this.#unanswered.items.set(itemOf(event.item)?.id ?? "", event);
        return true;
      case "input_audio_buffer.commit":
        this.#unanswered.commit = event;
        return true;
      case "response.create":
        this.#owed = event;
        return true;
      case "input_audio_buffer.clear":
        this.#heard.cleared();
        this.#speaking = false;
        return false;
      default:
        return false;
    }
  }

  /** @param {RealtimeEvent} event */
  fromUpstream(event) {
    const { updates, items, commit } = this.#unanswered;
    const id = text(event.item_id);
    switch (event.type) {
      case "session.updated":
        this.session = merged(this.session, object(updates.shift()?.session) ?? {});
        break;
      case "input_audio_buffer.speech_started":
        this.#speaking = true;
        this.#heard.turnBegan(amount(event.audio_start_ms) * bytesPerMillisecond(this.session));
        break;
      case "input_audio_buffer.speech_stopped":
        this.#heard.turnEnded(amount(event.audio_end_ms) * bytesPerMillisecond(this.session));
        break;
      case "input_audio_buffer.committed":
        if (id !== null) this.#heard.committed(id);
        // To a turn that the model found itself it answers by itself.
        if (commit === null && turnDetection(this.session).answers) this.#owed ??= { type: "response.create" };
        this.#unanswered.commit = null;
        this.#speaking = false;
        break;
      case "conversation.item.created":
      case "conversation.item.added":
      case "conversation.item.done":
      case "response.output_item.done": {
        const item = itemOf(event.item);
        if (item === null) break;
        items.delete(item.id);
        this.transcript.put(item);
        break;
      }
      case "conversation.item.input_audio_transcription.completed":
        if (id !== null) {
          this.transcript.heard(id, amount(event.content_index), text(event.transcript) ?? "");
          this.#heard.settled(id);
        }
        break;
      case "conversation.item.truncated":
        if (id !== null) this.#truncated(id, amount(event.content_index), amount(event.audio_end_ms));
        break;
      case "conversation.item.deleted":
        if (id !== null) {
          this.transcript.delete(id);
          this.#heard.settled(id);
        }
        break;
      case "response.created":
        this.#responses.add(responseOf(event));
        this.#owed = null;
        break;
      case "response.done":
        this.#responses.delete(responseOf(event));
        break;
      case "error":
        this.#refused(object(event.error));
        break;
      default:
        if (SOUND.has(event.type) && id !== null) {
          const bytes = (String(event.delta ?? "").length / 4) * 3;
          this.#played.set(id, (this.#played.get(id) ?? 0) + bytes / BYTES_PER_MILLISECOND_OUT);
        }
    }
  }

  /**
   * What a new upstream is sent, after its configuration, to be where this one is: every item, what is being said, and what is owed.
   *
   * Requests that this upstream did not answer are put again; an answer that was broken off is asked for again.
   *
   * @returns {RealtimeEvent[]}
   */
  retold() {
    const { updates, items, commit } = this.#unanswered;
    const stored = this.transcript.after(0).map(({ item }) => item);
    for (const { id, status } of stored) if (status === "in_progress") this.transcript.delete(id);
    const told = stored.map((item) => retold(item, this.#heard.turn(item.id))).filter((item) => item !== null);
    const open = this.#heard.retold();
    if (this.#responses.size > 0) this.#owed ??= { type: "response.create" };
    this.#responses.clear();
    this.#speaking = false;
    return [
      ...updates,
      ...told.map((item) => ({ type: "conversation.item.create", item })),
      ...items.values(),
      ...(open === null ? [] : [{ type: "input_audio_buffer.append", audio: open }]),
      ...(commit === null ? [] : [commit]),
      ...(this.#owed === null ? [] : [this.#owed]),
    ];
  }

  /**
   * What was not heard is not said: the model forgets it, and so does whoever takes over. Words are taken to be spread evenly.
   *
   * @param {string} id
   * @param {number} index
   * @param {number} milliseconds
   */
  #truncated(id, index, milliseconds) {
    const item = this.transcript.get(id);
    const words = item === null ? null : text(contentOf(item)[index]?.transcript);
    const played = this.#played.get(id);
    if (words === null || played === undefined || played <= milliseconds) return;
    this.transcript.heard(id, index, words.slice(0, Math.floor((words.length * milliseconds) / played)));
  }

  /**
   * An upstream that refuses a request will not answer it.
   *
   * @param {Record<string, unknown> | null} error
   */
  #refused(error) {
    const { updates, items, commit } = this.#unanswered;
    const id = text(error?.event_id);
    if (id === null) return;
    this.#unanswered.updates = updates.filter((update) => update.event_id !== id);
    for (const [item, request] of items) if (request.event_id === id) items.delete(item);
    if (commit?.event_id === id) this.#unanswered.commit = null;
    if (this.#owed?.event_id === id) this.#owed = null;
  }
}

const REQUESTS = new Set(["session.update", "conversation.item.create", "input_audio_buffer.commit", "response.create"]);

/**
 * The client's event with the ids by which the upstream's answer to it is known again.
 *
 * @param {RealtimeEvent} event
 * @param {() => string} newId
 * @returns {RealtimeEvent}
 */
export function identified(event, newId) {
  if (!REQUESTS.has(event.type)) return event;
  const named = { ...event, event_id: text(event.event_id) ?? newId() };
  const item = object(event.item);
  return event.type === "conversation.item.create" ? { ...named, item: { ...item, id: text(item?.id) ?? newId() } } : named;
}

/**
 * What part of an answer an event carries, or null.
 *
 * @param {RealtimeEvent} event
 */
export function answerOf(event) {
  return SOUND.has(event.type) ? "sound" : WORDS.has(event.type) ? "words" : null;
}

/**
 * @param {RealtimeEvent} event
 * @returns {string}
 */
export function responseOf(event) {
  return text(object(event.response)?.id) ?? "";
}

/**
 * @param {unknown} value
 * @returns {Item | null}
 */
function itemOf(value) {
  const item = object(value);
  return item !== null && typeof item.id === "string" && typeof item.type === "string" ? /** @type {Item} */ (item) : null;
}
