import { DurableObject } from "cloudflare:workers";
import { Leases } from "./leases.js";

/** An object that counts calls against a number of places; the number comes with each question. */
class Places extends DurableObject {
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
    const taken = this.leases.take(call, places, now + seconds * 1000, now);
    if (taken && (await this.ctx.storage.getAlarm()) === null) await this.#sweepLater();
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
    return this.leases.renew(call, now + seconds * 1000, now);
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
}

/** One a tenant: the calls of its plan. */
export class TenantGate extends Places {}

/** One a vertical: the sessions that its pods hold. */
export class Pool extends Places {}
