// The gateway's two servers: callbacks on one port, the kubelet and Prometheus on another that is never full.
import { setTimeout as pause } from "node:timers/promises";
import Fastify from "fastify";
import { tokenCheck } from "./access.js";
import { callbackSchema } from "./callbacks.js";
import { page } from "./metrics.js";

const IDS = { type: "object", properties: { tenant: { type: "string" }, call: { type: "string" } } };
const PAGE = {
  type: "object",
  properties: {
    from: { type: "string", pattern: "^[0-9]{1,9}$", default: "0" },
    count: { type: "string", pattern: "^([1-9][0-9]{0,2}|1000)$", default: "100" },
  },
};

/**
 * Returns the server that takes callbacks, not yet listening.
 *
 * @param {import("./settings.js").GatewaySettings} settings
 * @param {import("./store.js").Store} store
 * @param {string} tokens
 * @param {import("./metrics.js").OwnMetrics} own
 */
export function callsServer(settings, store, tokens, own) {
  const allowed = tokenCheck(tokens);
  const later = { "retry-after": String(settings.retryAfterSeconds) };
  const full = { error: "full", retryAfterSeconds: settings.retryAfterSeconds };
  const unavailable = { error: "unavailable", retryAfterSeconds: settings.retryAfterSeconds };
  const server = Fastify({
    bodyLimit: settings.bodyBytes,
    requestTimeout: 2 * settings.answerMilliseconds,
    forceCloseConnections: "idle",
    // A field that is not known is refused, not taken away; a number is no text.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: true } },
  });

  server.addHook("onRequest", async (request, reply) => {
    if (allowed(request.headers.authorization)) return;
    own.callbacks.inc({ outcome: "unauthorized" });
    await reply.code(401).header("www-authenticate", "Bearer").send({ error: "unauthorized" });
  });
  server.setErrorHandler(async (/** @type {import("fastify").FastifyError} */ error, _request, reply) => {
    const status = error.validation ? 422 : (error.statusCode ?? 503);
    if (status >= 500) {
      own.callbacks.inc({ outcome: "unavailable" });
      process.stderr.write(`${JSON.stringify({ error: error.message })}\n`);
      return reply.code(503).headers(later).send(unavailable);
    }
    own.callbacks.inc({ outcome: "invalid" });
    return reply.code(status).send(error.validation ? wrongField(error.validation[0]) : { error: error.code });
  });

  server.post("/callbacks", { schema: { body: callbackSchema(settings) } }, async (request, reply) => {
    const measured = own.seconds.startTimer();
    const callback = /** @type {import("./callbacks.js").Callback} */ (request.body);
    const outcome = await store.offer(callback).finally(measured);
    own.callbacks.inc({ outcome });
    if (outcome === "full") return reply.code(503).headers(later).send(full);
    return reply.code(outcome === "known" ? 200 : 202).send({ status: outcome });
  });
  server.get("/dead-letters", { schema: { querystring: PAGE } }, async (request) => {
    const { from, count } = /** @type {{from: string, count: string}} */ (request.query);
    return store.deadLetters(Number(from), Number(count));
  });
  server.post("/dead-letters/:tenant/:call", { schema: { params: IDS } }, async (request, reply) => {
    const outcome = await store.revive(/** @type {{tenant: string, call: string}} */ (request.params));
    if (outcome === "unknown") return reply.code(404).send({ error: "unknown" });
    if (outcome === "full") return reply.code(503).headers(later).send(full);
    return reply.code(202).send({ status: outcome });
  });
  return server;
}

/**
 * Returns what is wrong with a body, by its field.
 *
 * @param {import("fastify/types/schema.js").FastifySchemaValidationError | undefined} fault
 */
function wrongField(fault) {
  const { additionalProperty, missingProperty } = /** @type {Record<string, string>} */ (fault?.params ?? {});
  const field = additionalProperty ?? missingProperty ?? fault?.instancePath.slice(1) ?? "";
  return { error: additionalProperty ? "unknown-field" : missingProperty ? "missing-field" : "wrong-field", field };
}

/**
 * Returns the server of probes and metrics, not yet listening. It answers before there is a store: without Redis the pod is alive
 * and not ready, and is not started again and again.
 *
 * @param {import("./settings.js").GatewaySettings} settings
 * @param {() => import("./store.js").Store | undefined} opened
 * @param {import("./metrics.js").OwnMetrics} own
 */
export function probesServer(settings, opened, own) {
  const server = Fastify({ forceCloseConnections: "idle" });
  let draining = false;
  const alive = async () => ({ status: "alive" });
  server.get("/livez", alive);
  server.get("/healthz", alive);
  server.get("/readyz", async (_request, reply) => {
    if (draining) return reply.code(503).send({ status: "draining" });
    return (await opened()?.holds()) ? { status: "ready" } : reply.code(503).send({ status: "unavailable" });
  });
  // The kubelet asks before it ends the pod. Callbacks are still taken: who routes them learns of it only now.
  server.get("/drain", async () => {
    draining = true;
    await pause(settings.settleMilliseconds);
    return { status: "drained" };
  });
  server.get("/metrics", async (_request, reply) => {
    reply.type("text/plain; version=0.0.4; charset=utf-8");
    return page(own, opened(), settings.queue);
  });
  return server;
}
