// The objects of the tests that run in workerd, with figures of their own.
import { env } from "cloudflare:workers";
import { CallSession as Session } from "../../../components/edge/worker/src/session.js";
import { TenantGate as Gate } from "../../../components/edge/worker/src/gate.js";
import { Pool as RealPool } from "../../../components/edge/worker/src/pool.js";
import { SETTINGS } from "./settings.mjs";

export class TenantGate extends Gate {
  constructor(ctx, bound) {
    super(ctx, { ...bound, SETTINGS });
  }
}

export class Pool extends RealPool {
  /** Whether it answers nobody. */
  gone = false;
  /** The shard that its answers come late to, for as long as it is named. @type {string | null} */
  late = null;

  constructor(ctx, bound) {
    super(ctx, { ...bound, SETTINGS });
  }

  async lend(ask) {
    const loan = await this.#here(() => super.lend(ask));
    while (this.late === ask.shard) await new Promise((resolve) => setTimeout(resolve, 5));
    return loan;
  }

  recall(part) {
    return this.#here(() => super.recall(part));
  }

  #here(answer) {
    if (this.gone) throw new Error("gone");
    return answer();
  }
}

export { Session as CallSession };

export default {
  fetch: () => new Response(Object.keys(env).join()),
};
