import { DurableObject } from "cloudflare:workers";

const RESTARTED = 1012;
const TRY_LATER = 1013;

/**
 * One a call: a bridge between the client and its vertical, for as long as its places are renewed.
 *
 * @extends {DurableObject<SessionEnv>}
 */
export class CallSession extends DurableObject {
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
    // Written as it goes: nothing tells an object that it is about to stop.
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
      // The object was made anew, and its upstream went with the old one.
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
    if (call === undefined) return;
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
    await this.ctx.storage.put("call", { id, tenant, vertical, until: Date.now() + this.env.SETTINGS.leaseSeconds * 1000 });
  }

  /** @returns {Promise<Call & { until: number } | undefined>} */
  #stored() {
    return this.ctx.storage.get("call");
  }

  async #renewLater() {
    await this.ctx.storage.setAlarm(Date.now() + this.env.SETTINGS.heartbeatSeconds * 1000);
  }

  /** @param {Call} call */
  async #open(call) {
    const { ACCESS_CLIENT_ID, ACCESS_CLIENT_SECRET, SETTINGS } = this.env;
    const vertical = SETTINGS.verticals[call.vertical];
    if (vertical === undefined) return null;
    try {
      const answer = await fetch(vertical.upstream, {
        headers: {
          Upgrade: "websocket",
          "CF-Access-Client-Id": ACCESS_CLIENT_ID,
          "CF-Access-Client-Secret": ACCESS_CLIENT_SECRET,
          "headroom-call": call.id,
          "headroom-tenant": call.tenant,
        },
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
    const sent = code === 1005 || code === 1006 ? 1000 : code; // these two are never sent
    for (const socket of [...this.ctx.getWebSockets(), ...(this.#upstream === null ? [] : [this.#upstream])]) {
      try {
        socket.close(sent, reason);
      } catch {
        // already closed
      }
    }
    this.#upstream = null;
    this.#taken = false;
    const call = await this.#stored();
    if (call === undefined) return;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    await this.#release(call);
  }

  /** @param {Call} call */
  async #release(call) {
    // A place that is not given back expires by itself.
    await Promise.allSettled(this.#places(call).map((place) => place.release(call.id)));
  }

  /** @param {Call} call */
  #places(call) {
    const { TENANT_GATE, POOL } = this.env;
    return [TENANT_GATE.get(TENANT_GATE.idFromName(call.tenant)), POOL.get(POOL.idFromName(call.vertical))];
  }
}

/**
 * @param {Request} request
 * @param {string} name
 */
function header(request, name) {
  const value = request.headers.get(`headroom-${name}`);
  if (value === null) throw new TypeError(`the router gave no headroom-${name}`);
  return value;
}
