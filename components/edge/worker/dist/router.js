// components/edge/worker/src/router.js
var TRY_LATER = 1013;
var router_default = {
  /**
   * Return the client's side of a session, or why there is none.
   *
   * `GET /calls/<vertical>` with an upgrade is a call. Without one it asks whether a call would find room just now.
   *
   * @param {Request} request
   * @param {RouterEnv} env
   * @param {ExecutionContext} ctx
   */
  async fetch(request, env, ctx) {
    const vertical = verticalOf(request, env.SETTINGS);
    if (vertical === null) return refused(404, "there is no such vertical", env);
    if (request.method !== "GET") return refused(405, "calls are made by GET", env);
    const key = bearer(request);
    if (key === null) return refused(401, "the key of the tenant is missing", env);
    const tenant = await env.PLANS.get(`key:${await digest(key)}`, "json");
    if (tenant === null) return refused(401, "the key is no tenant's", env);
    if (!(await env.SHIELD.limit({ key: tenant.tenant })).success) return refused(429, "too many requests", env);
    const caps = await env.PLANS.get("caps", "json");
    const places = { tenant: caps?.plans[tenant.plan]?.cap, vertical: caps?.verticals[vertical] };
    if (places.tenant === void 0 || places.vertical === void 0) return refused(503, "no places are set", env);
    const gate = env.TENANT_GATE.get(env.TENANT_GATE.idFromName(tenant.tenant));
    const pool = env.POOL.get(env.POOL.idFromName(vertical));
    if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
      const [ofTenant, ofVertical] = await Promise.all([gate.held(), pool.held()]);
      const free = Math.max(0, Math.min(places.tenant - ofTenant, places.vertical - ofVertical));
      return free > 0 ? Response.json({ free }) : refused(429, "every place is taken", env);
    }
    const call = { id: request.headers.get("headroom-call") ?? crypto.randomUUID(), tenant: tenant.tenant, vertical };
    const { leaseSeconds } = env.SETTINGS;
    if (!await gate.take(call.id, places.tenant, leaseSeconds)) return turnedAway(call, "your plan's calls are all in use", env, ctx);
    if (!await pool.take(call.id, places.vertical, leaseSeconds)) {
      ctx.waitUntil(gate.release(call.id));
      return turnedAway(call, "all lines are busy", env, ctx);
    }
    const answer = await sessionOf(call, env).fetch(request.url, {
      headers: {
        Upgrade: "websocket",
        "headroom-call": call.id,
        "headroom-tenant": call.tenant,
        "headroom-vertical": call.vertical
      }
    });
    if (answer.status === 409) return refused(409, "the call is under way", env);
    return answer.webSocket === null ? turnedAway(call, "nobody answers just now", env, ctx) : answer;
  }
};
function verticalOf(request, settings) {
  const [, root, name, ...rest] = new URL(request.url).pathname.split("/");
  return root === "calls" && name !== void 0 && rest.length === 0 && Object.hasOwn(settings.verticals, name) ? name : null;
}
function bearer(request) {
  return /^Bearer ([\x21-\x7e]+)$/.exec(request.headers.get("Authorization") ?? "")?.[1] ?? null;
}
async function digest(text) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
function sessionOf(call, env) {
  const jurisdiction = env.SETTINGS.verticals[call.vertical]?.jurisdiction;
  const sessions = jurisdiction === void 0 ? env.CALL_SESSION : env.CALL_SESSION.jurisdiction(jurisdiction);
  return sessions.get(sessions.idFromName(`${call.tenant}/${call.id}`));
}
function turnedAway(call, reason, env, ctx) {
  ctx.waitUntil(env.CALLBACKS.send({ call: call.id, tenant: call.tenant, vertical: call.vertical }));
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.send(JSON.stringify({ type: "refused", reason, retryAfterSeconds: env.SETTINGS.retryAfterSeconds }));
  server.close(TRY_LATER, reason);
  return new Response(null, { status: 101, webSocket: client });
}
function refused(status, reason, env) {
  const headers = status === 429 || status === 503 ? { "Retry-After": String(env.SETTINGS.retryAfterSeconds) } : {};
  return Response.json({ error: reason }, { status, headers });
}
export {
  router_default as default
};
