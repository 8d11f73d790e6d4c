import { object, text } from "./protocol.js";

/** The items of a conversation in their order, in storage; beyond its size the oldest go, as they go from the model's window. */
export class Transcript {
  #sql;

  /**
   * @param {SqlStorage} sql
   * @param {number} bytes
   */
  constructor(sql, bytes) {
    this.#sql = sql;
    this.bytes = bytes;
  }

  /**
   * Add an item, or what is known of it by now. An item keeps its place.
   *
   * @param {Item} item
   */
  put(item) {
    const known = this.get(item.id);
    const body = JSON.stringify(withoutAudio(known === null ? item : withWords(item, known)));
    // Not one statement: an insert that finds its row there uses a number up all the same.
    if (known === null) this.#sql.exec("INSERT INTO item (id, body) VALUES (?, ?)", item.id, body);
    else this.#sql.exec("UPDATE item SET body = ? WHERE id = ?", body, item.id);
    this.#sql.exec(
      `DELETE FROM item WHERE position <= (SELECT max(position) FROM
       (SELECT position, sum(length(CAST(body AS BLOB))) OVER (ORDER BY position DESC) AS newer FROM item) WHERE newer > ?)`,
      this.bytes,
    );
  }

  /**
   * @param {string} id
   * @returns {Item | null}
   */
  get(id) {
    const [row] = this.#sql.exec("SELECT body FROM item WHERE id = ?", id).toArray();
    return row === undefined ? null : JSON.parse(String(row.body));
  }

  /** @param {string} id */
  delete(id) {
    this.#sql.exec("DELETE FROM item WHERE id = ?", id);
  }

  /**
   * What a part of an item says, written down.
   *
   * @param {string} id
   * @param {number} index
   * @param {string} words
   */
  heard(id, index, words) {
    const item = this.get(id);
    const parts = item === null ? [] : contentOf(item);
    if (item === null || parts[index] === undefined) return;
    this.put({ ...item, content: parts.map((part, place) => (place === index ? { ...part, transcript: words } : part)) });
  }

  /**
   * Every item after a position, with its own.
   *
   * @param {number} position
   */
  after(position) {
    const rows = this.#sql.exec("SELECT position, body FROM item WHERE position > ? ORDER BY position", position).toArray();
    return rows.map((row) => ({ position: Number(row.position), item: /** @type {Item} */ (JSON.parse(String(row.body))) }));
  }

  /** That of the last item; 0 before the first. */
  get position() {
    return Number(this.#sql.exec("SELECT max(position) AS last FROM item").one().last ?? 0);
  }
}

/**
 * @param {Item} item
 * @returns {Record<string, unknown>[]}
 */
export function contentOf(item) {
  return Array.isArray(item.content) ? item.content.map((part) => object(part) ?? {}) : [];
}

/**
 * The item as a new upstream can be told it, or null where nothing of it can.
 *
 * What was said is told as text: the protocol takes no sound of the assistant's, and that of the caller is not kept once it is written down.
 *
 * @param {Item} item
 * @param {string | null} audio of the caller, where it is still kept
 * @returns {Item | null}
 */
export function retold(item, audio) {
  const { id, type, role, status } = item;
  // Arguments that broke off in the middle are none, and never become whole.
  if (type === "function_call" && (status === "in_progress" || status === "incomplete")) return null;
  if (type === "function_call") return { id, type, call_id: item.call_id, name: item.name, arguments: item.arguments };
  if (type === "function_call_output") return { id, type, call_id: item.call_id, output: item.output };
  if (type !== "message") return null;
  // An answer that is still being given is not yet part of the conversation.
  if (role === "assistant" && status === "in_progress") return null;
  const said = role === "assistant" ? "output_text" : "input_text";
  const content = contentOf(item).flatMap((part) => {
    if (part.type === "input_image") return [part];
    const words = text(part.text) ?? text(part.transcript);
    if (words !== null) return words === "" ? [] : [{ type: said, text: words }];
    return part.type === "input_audio" && audio !== null ? [{ type: "input_audio", audio }] : [];
  });
  return content.length === 0 ? null : { id, type, role, content };
}

/**
 * Sound is not stored: what is said is, once it is written down.
 *
 * @param {Item} item
 * @returns {Item}
 */
function withoutAudio(item) {
  return "content" in item ? { ...item, content: contentOf(item).map(({ audio, ...part }) => part) } : item;
}

/**
 * The item with the words that are known of it and that a later event leaves out.
 *
 * @param {Item} item
 * @param {Item} known
 * @returns {Item}
 */
function withWords(item, known) {
  if (!("content" in item)) return item;
  const before = contentOf(known);
  const content = contentOf(item).map((part, index) => {
    const words = text(part.transcript) ?? text(before[index]?.transcript);
    return words === null ? part : { ...part, transcript: words };
  });
  return { ...item, content };
}
