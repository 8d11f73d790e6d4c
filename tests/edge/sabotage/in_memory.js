// A gate that counts in memory: it forgets its calls when its process ends, and they go on.
import { TenantGate as Gate } from "../../../components/edge/worker/src/gate.js";

export { Pool } from "../../../components/edge/worker/src/pool.js";
export { CallSession, default } from "../../../components/edge/worker/src/sessions.js";

export class TenantGate extends Gate {
  constructor(ctx, env) {
    super(ctx, env);
    this.leases = new Remembered();
  }
}

/** What Leases does, without storage. */
class Remembered {
  #leases = new Map();
  #last = 0;

  find(call, now) {
    const lease = this.#leases.get(call);
    return lease !== undefined && lease.expires > now ? lease : null;
  }

  insert(lease) {
    this.#last += 1;
    this.#leases.set(lease.call, { ...lease, fence: this.#last });
    return this.#last;
  }

  // A call that it has forgotten is let go on: that is what makes the fault dangerous.
  renew(call, fence, expires) {
    const lease = this.#leases.get(call);
    if (lease !== undefined && lease.fence === fence) lease.expires = expires;
    return true;
  }

  remove(call, fence) {
    const lease = this.#leases.get(call);
    if (lease === undefined || lease.fence !== fence) return null;
    this.#leases.delete(call);
    return lease;
  }

  held(now, kind) {
    return [...this.#leases.values()].filter((lease) => lease.expires > now && (kind === undefined || lease.kind === kind)).length;
  }

  kinds() {
    return {};
  }

  sweep(now) {
    const gone = [...this.#leases.values()].filter((lease) => lease.expires <= now);
    for (const { call } of gone) this.#leases.delete(call);
    return gone;
  }

  next() {
    return this.#leases.size === 0 ? null : Math.min(...Array.from(this.#leases.values(), ({ expires }) => expires));
  }
}
