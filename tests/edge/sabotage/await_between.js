// A gate that waits between counting and inserting: whoever comes meanwhile counts the same places.
import { TenantGate as Gate } from "../../../components/edge/worker/src/gate.js";

export { Pool } from "../../../components/edge/worker/src/pool.js";
export { CallSession, default } from "../../../components/edge/worker/src/sessions.js";

export class TenantGate extends Gate {
  async take(ask) {
    const held = this.leases.held(Date.now());
    await scheduler.wait(1);
    return super.take({ ...ask, cap: held < ask.cap ? Infinity : 0 });
  }
}
