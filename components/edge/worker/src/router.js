/** The Worker that clients call: who is it, may it, and then to its session. It takes the queue's callbacks to their gateways too. */
import { admin } from "./admin.js";
import { admit, answered, gateOf, giveBack, room } from "./admission.js";
import { deliver } from "./callbacks.js";
import { refusedPlainly, refusedSocket } from "./refusal.js";
import { asksForProtocol, callerOf, PROTOCOL, tokenOf } from "./tokens.js";

/** @typedef {import("./tokens.js").Caller} Caller */

export default {
  /**
   * `GET /calls/<vertical>` with an upgrade is a call; with `?resume=<token>` it is the rest of one that was cut. Without an
   * upgrade it asks whether a call would find room just now.
   *
   * @param {Request} request
   * @param {RouterEnv} env
   * @param {ExecutionContext} ctx
   */
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const [, root, vertical = "", ...rest] = url.pathname.split("/");
    if (root === "metrics" || root === "admin") return admin(request, env);
    if (root !== "calls" || rest.length > 0 || !Object.hasOwn(env.SETTINGS.verticals, vertical)) return error(404, "not found");
    if (request.method !== "GET") return error(405, "method");
    const upgrade = request.headers.get("Upgrade")?.toLowerCase() === "websocket";
    const resume = url.searchParams.get("resume");
    if (resume !== null) return upgrade ? resumed(resume, vertical, request, env) : error(426, "upgrade");

    const { tokens } = env.SETTINGS;
    const token = tokenOf(request.headers, tokens.longestCharacters);
    const caller = token === null ? null : await callerOf(token, env.PLANS, tokens, Date.now());
    if (caller === null) return error(401, "token");
    if (!(await env.SHIELD.limit({ key: caller.tenant })).success) return flooded(env);
    if (caller.vertical !== undefined && caller.vertical !== vertical) return error(403, "vertical");
    if (upgrade) return call(caller, vertical, request, env, ctx);
    const found = await room(caller, vertical, env);
    return "free" in found ? Response.json(found) : refusedPlainly(found.refused, request.headers, env.SETTINGS);
  },

  /**
   * @param {MessageBatch<CallbackJob>} batch
   * @param {RouterEnv} env
   */
  async queue(batch, env) {
    await deliver(batch, env);
  },
};

/**
 * @param {Caller} caller
 * @param {string} vertical
 * @param {Request} request
 * @param {RouterEnv} env
 * @param {ExecutionContext} ctx
 */
async function call(caller, vertical, request, env, ctx) {
  const admission = await admit(caller, vertical, env, ctx);
  if ("refused" in admission) {
    return admission.refused === "replayed" ? error(401, "replayed") : refused(admission.refused, caller, vertical, request, env);
  }
  const sessions = sessionsOf(vertical, env);
  const answer = await session(sessions.get(sessions.idFromName(`${caller.tenant}/${caller.call}`)), vertical, request, {
    "headroom-call": caller.call,
    "headroom-tenant": caller.tenant,
    "headroom-plan": caller.plan,
    "headroom-gate-fence": String(admission.gateFence),
    "headroom-shard": admission.shard,
    "headroom-shard-fence": String(admission.shardFence),
    "headroom-leased-at": String(admission.leasedAt),
  });
  if (answer?.status === 409) return error(409, "under way");
  if (answer?.webSocket) return answer;
  ctx.waitUntil(giveBack(caller, admission, env));
  return refused("upstream", caller, vertical, request, env);
}

/**
 * The rest of a call that was cut. Its token begins with the id of the object that holds the call, and that knows whether the rest of it is
 * right. No gate is asked, for the call holds its places still.
 *
 * @param {string} token
 * @param {string} vertical
 * @param {Request} request
 * @param {RouterEnv} env
 */
async function resumed(token, vertical, request, env) {
  if (token.length > env.SETTINGS.tokens.longestCharacters) return error(401, "token");
  const [object = ""] = token.split(".");
  const sessions = sessionsOf(vertical, env);
  let id;
  try {
    id = sessions.idFromString(object);
  } catch {
    return error(401, "token");
  }
  if (!(await env.SHIELD.limit({ key: object })).success) return flooded(env);
  const answer = await session(sessions.get(id), vertical, request, { "headroom-resume": token });
  if (answer === null) return error(503, "session");
  return answer.webSocket ? answer : error(answer.status, "resume");
}

/**
 * The objects of a vertical's sessions: where its data must stay, where it says so.
 *
 * @param {string} vertical
 * @param {RouterEnv} env
 */
function sessionsOf(vertical, env) {
  const jurisdiction = env.SETTINGS.verticals[vertical]?.jurisdiction;
  return jurisdiction === undefined ? env.CALL_SESSION : env.CALL_SESSION.jurisdiction(jurisdiction);
}

/**
 * The answer of a call's session; null where it does not answer.
 *
 * @param {DurableObjectStub<import("./session.js").CallSession>} object
 * @param {string} vertical
 * @param {Request} request
 * @param {Record<string, string>} headers
 */
async function session(object, vertical, request, headers) {
  try {
    const answer = await object.fetch(request.url, {
      headers: { Upgrade: "websocket", "headroom-vertical": vertical, ...headers },
    });
    if (!answer.webSocket || !asksForProtocol(request.headers)) return answer;
    return new Response(null, { status: 101, webSocket: answer.webSocket, headers: { "Sec-WebSocket-Protocol": PROTOCOL } });
  } catch (failure) {
    console.error(JSON.stringify({ event: "no session", vertical, error: String(failure) }));
    return null;
  }
}

/**
 * @param {import("./refusal.js").Reason} reason
 * @param {Caller} caller
 * @param {string} vertical
 * @param {Request} request
 * @param {RouterEnv} env
 */
function refused(reason, caller, vertical, request, env) {
  const { callbacks, verticals } = env.SETTINGS;
  const offered = Object.hasOwn(callbacks.upstreams, vertical);
  /** @param {string} reference */
  const queue = async (reference) => {
    await env.CALLBACKS.send({ call: caller.call, tenant: caller.tenant, vertical, plan: caller.plan, reference });
    // It is queued, whether it is counted or not.
    await answered(gateOf(caller.tenant, env).count({ queued: 1 }));
  };
  return refusedSocket(reason, request.headers, env.SETTINGS, offered ? queue : null, verticals[vertical]?.healthData === true);
}

/** @param {RouterEnv} env */
function flooded({ SETTINGS }) {
  return error(429, "too many requests", { "Retry-After": String(SETTINGS.retryAfterSeconds) });
}

/**
 * @param {number} status
 * @param {string} reason
 * @param {Record<string, string>} [headers]
 */
function error(status, reason, headers = {}) {
  return Response.json({ error: reason }, { status, headers });
}
