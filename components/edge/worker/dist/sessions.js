// components/edge/worker/src/places.js
import { DurableObject } from "cloudflare:workers";

// components/edge/worker/src/leases.js
var Leases = class {
  /** @param {SqlStorage} sql */
  constructor(sql) {
    this.sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS lease (call TEXT PRIMARY KEY, expires INTEGER NOT NULL)");
    sql.exec("CREATE INDEX IF NOT EXISTS lease_expires ON lease (expires)");
  }
  /**
   * Whether the call holds a place until `expires`. A call that already holds one keeps it, however often it asks.
   *
   * @param {string} call
   * @param {number} places
   * @param {number} expires milliseconds since 1970
   * @param {number} now
   */
  take(call, places, expires, now) {
    this.sweep(now);
    if (!this.renew(call, expires, now) && this.held(now) >= places) return false;
    this.sql.exec("INSERT INTO lease VALUES (?, ?) ON CONFLICT (call) DO NOTHING", call, expires);
    return true;
  }
  /**
   * Whether the call still held its place, and holds it until `expires` now.
   *
   * @param {string} call
   * @param {number} expires
   * @param {number} now
   */
  renew(call, expires, now) {
    return this.sql.exec("UPDATE lease SET expires = ? WHERE call = ? AND expires > ?", expires, call, now).rowsWritten > 0;
  }
  /** @param {string} call */
  release(call) {
    this.sql.exec("DELETE FROM lease WHERE call = ?", call);
  }
  /**
   * Places that are held.
   *
   * @param {number} now
   */
  held(now) {
    return Number(this.sql.exec("SELECT count(*) AS held FROM lease WHERE expires > ?", now).one().held);
  }
  /**
   * Remove what has expired; the next instant at which something will, or null.
   *
   * @param {number} now
   */
  sweep(now) {
    this.sql.exec("DELETE FROM lease WHERE expires <= ?", now);
    const next = this.sql.exec("SELECT min(expires) AS next FROM lease").one().next;
    return next === null ? null : Number(next);
  }
};

// components/edge/worker/src/places.js
var Places = class extends DurableObject {
  /**
   * @param {DurableObjectState} ctx
   * @param {unknown} env
   */
  constructor(ctx, env) {
    super(ctx, env);
    this.leases = new Leases(ctx.storage.sql);
  }
  /**
   * Whether the call holds one of `places` for the next `seconds`.
   *
   * @param {string} call
   * @param {number} places
   * @param {number} seconds
   */
  async take(call, places, seconds) {
    const now = Date.now();
    const taken = this.leases.take(call, places, now + seconds * 1e3, now);
    if (taken && await this.ctx.storage.getAlarm() === null) await this.#sweepLater();
    return taken;
  }
  /**
   * Whether the call still held its place, and holds it for the next `seconds`.
   *
   * @param {string} call
   * @param {number} seconds
   */
  renew(call, seconds) {
    const now = Date.now();
    return this.leases.renew(call, now + seconds * 1e3, now);
  }
  /** @param {string} call */
  release(call) {
    this.leases.release(call);
  }
  /** Places that are held. */
  held() {
    return this.leases.held(Date.now());
  }
  async alarm() {
    await this.#sweepLater();
  }
  async #sweepLater() {
    const next = this.leases.sweep(Date.now());
    if (next !== null) await this.ctx.storage.setAlarm(next);
  }
};
var TenantGate = class extends Places {
};
var Pool = class extends Places {
};

// components/edge/worker/src/session.js
import { DurableObject as DurableObject2 } from "cloudflare:workers";
var RESTARTED = 1012;
var TRY_LATER = 1013;
var CallSession = class extends DurableObject2 {
  /** @type {WebSocket | null} */
  #upstream = null;
  #taken = false;
  /**
   * Open the upstream, then the client's side. Only the router calls this; the headers are its own.
   *
   * @param {Request} request
   */
  async fetch(request) {
    if (this.#taken || this.ctx.getWebSockets().length > 0) return new Response("the call is under way", { status: 409 });
    this.#taken = true;
    const call = { id: header(request, "call"), tenant: header(request, "tenant"), vertical: header(request, "vertical") };
    const upstream = await this.#open(call);
    if (upstream === null) {
      this.#taken = false;
      await this.#release(call);
      return new Response("the vertical does not answer", { status: 502 });
    }
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    this.#upstream = upstream;
    upstream.accept();
    upstream.addEventListener("message", (event) => server.send(event.data));
    upstream.addEventListener("close", (event) => this.#end(event.code, event.reason));
    upstream.addEventListener("error", () => this.#end(RESTARTED, "the vertical is gone"));
    await this.#store(call);
    await this.#renewLater();
    return new Response(null, { status: 101, webSocket: client });
  }
  /**
   * @param {WebSocket} _client
   * @param {string | ArrayBuffer} message
   */
  async webSocketMessage(_client, message) {
    if (this.#upstream === null) {
      await this.#end(RESTARTED, "the call was cut; call again");
    } else {
      this.#upstream.send(message);
    }
  }
  /**
   * @param {WebSocket} _client
   * @param {number} code
   * @param {string} reason
   */
  async webSocketClose(_client, code, reason) {
    await this.#end(code, reason);
  }
  /** Renew the places of the call; without them it ends. */
  async alarm() {
    const call = await this.#stored();
    if (call === void 0) return;
    const { leaseSeconds } = this.env.SETTINGS;
    try {
      const renewed = await Promise.all(this.#places(call).map((place) => place.renew(call.id, leaseSeconds)));
      if (!renewed.every(Boolean)) return await this.#end(TRY_LATER, "the place of the call is gone");
      await this.#store(call);
    } catch (error) {
      console.error(JSON.stringify({ event: "renewal failed", call: call.id, error: String(error) }));
      if (Date.now() >= call.until) return await this.#end(TRY_LATER, "the place of the call cannot be renewed");
    }
    await this.#renewLater();
  }
  /**
   * Note the call, and until when its places stand.
   *
   * @param {Call} call
   */
  async #store({ id, tenant, vertical }) {
    await this.ctx.storage.put("call", { id, tenant, vertical, until: Date.now() + this.env.SETTINGS.leaseSeconds * 1e3 });
  }
  /** @returns {Promise<Call & { until: number } | undefined>} */
  #stored() {
    return this.ctx.storage.get("call");
  }
  async #renewLater() {
    await this.ctx.storage.setAlarm(Date.now() + this.env.SETTINGS.heartbeatSeconds * 1e3);
  }
  /** @param {Call} call */
  async #open(call) {
    const { ACCESS_CLIENT_ID, ACCESS_CLIENT_SECRET, SETTINGS } = this.env;
    const vertical = SETTINGS.verticals[call.vertical];
    if (vertical === void 0) return null;
    try {
      const answer = await fetch(vertical.upstream, {
        headers: {
          Upgrade: "websocket",
          "CF-Access-Client-Id": ACCESS_CLIENT_ID,
          "CF-Access-Client-Secret": ACCESS_CLIENT_SECRET,
          "headroom-call": call.id,
          "headroom-tenant": call.tenant
        }
      });
      return answer.webSocket;
    } catch (error) {
      console.error(JSON.stringify({ event: "no upstream", call: call.id, error: String(error) }));
      return null;
    }
  }
  /**
   * Close both sides and give the places back; again it does nothing.
   *
   * @param {number} code
   * @param {string} reason
   */
  async #end(code, reason) {
    const sent = code === 1005 || code === 1006 ? 1e3 : code;
    for (const socket of [...this.ctx.getWebSockets(), ...this.#upstream === null ? [] : [this.#upstream]]) {
      try {
        socket.close(sent, reason);
      } catch {
      }
    }
    this.#upstream = null;
    this.#taken = false;
    const call = await this.#stored();
    if (call === void 0) return;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    await this.#release(call);
  }
  /** @param {Call} call */
  async #release(call) {
    await Promise.allSettled(this.#places(call).map((place) => place.release(call.id)));
  }
  /** @param {Call} call */
  #places(call) {
    const { TENANT_GATE, POOL } = this.env;
    return [TENANT_GATE.get(TENANT_GATE.idFromName(call.tenant)), POOL.get(POOL.idFromName(call.vertical))];
  }
};
function header(request, name) {
  const value = request.headers.get(`headroom-${name}`);
  if (value === null) throw new TypeError(`the router gave no headroom-${name}`);
  return value;
}

// components/edge/worker/src/sessions.js
var sessions_default = {
  fetch() {
    return new Response("not found", { status: 404 });
  }
};
export {
  CallSession,
  Pool,
  TenantGate,
  sessions_default as default
};
