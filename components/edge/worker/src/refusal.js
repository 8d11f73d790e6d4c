/** How a caller is told that there is no place: politely, in its language, with the offer of a callback. */
import { bestLanguage } from "./languages.js";
import { reply } from "./callbacks.js";
import { asksForProtocol, PROTOCOL } from "./tokens.js";

const TRY_LATER = 1013;

/**
 * Why a call was not admitted: its plan is full, it starts too many at once, its vertical is full, nobody answers, admission
 * itself does not answer.
 *
 * @typedef {"plan" | "starts" | "pool" | "upstream" | "gate"} Reason
 */

/**
 * What a refused caller reads.
 *
 * @param {Reason} reason
 * @param {Headers} headers
 * @param {RouterSettings} settings
 */
export function told(reason, headers, { refusal, retryAfterSeconds }) {
  const language = bestLanguage(headers.get("Accept-Language") ?? "", refusal.texts.map(([name]) => name));
  const message = refusal.texts.find(([name]) => name === language)?.[1] ?? "";
  return { type: "refused", reason, message, language, retryAfterSeconds };
}

/**
 * The answer to a plain request: 429 where the tenant asked for too much, 503 where there is nothing for anybody.
 *
 * @param {Reason} reason
 * @param {Headers} headers
 * @param {RouterSettings} settings
 */
export function refusedPlainly(reason, headers, settings) {
  const status = reason === "plan" || reason === "starts" ? 429 : 503;
  const { language, ...body } = told(reason, headers, settings);
  return Response.json(body, {
    status,
    headers: { "Retry-After": String(settings.retryAfterSeconds), "Content-Language": language },
  });
}

/**
 * The answer to an upgrade: an open socket with the refusal and, where callbacks are taken, their offer. It closes with 1013
 * after the client's answer, or when the offer is over.
 *
 * @param {Reason} reason
 * @param {Headers} headers
 * @param {RouterSettings} settings
 * @param {((reference: string) => Promise<void>) | null} queue what takes a callback, or null where none is offered
 * @param {boolean} healthData
 */
export function refusedSocket(reason, headers, settings, queue, healthData) {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const close = () => {
    try {
      server.close(TRY_LATER, reason);
    } catch {
      // already closed
    }
  };
  const { offerSeconds, longestReply } = settings.refusal;
  const offer = queue === null ? {} : { callback: { seconds: offerSeconds, reply: { type: "callback", to: "<reference>" } } };
  server.send(JSON.stringify({ ...told(reason, headers, settings), ...offer }));
  if (queue === null) {
    close();
  } else {
    const over = setTimeout(close, offerSeconds * 1000);
    server.addEventListener("close", () => {
      clearTimeout(over);
      close();
    });
    server.addEventListener(
      "message",
      ({ data }) => {
        clearTimeout(over);
        reply(data, longestReply, healthData, queue)
          .then((answer) => server.send(JSON.stringify(answer)))
          .catch(() => {}) // the client has gone
          .finally(close);
      },
      { once: true },
    );
  }
  return new Response(null, {
    status: 101,
    webSocket: client,
    headers: asksForProtocol(headers) ? { "Sec-WebSocket-Protocol": PROTOCOL } : {},
  });
}
