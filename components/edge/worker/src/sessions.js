/** The Worker that owns the Durable Objects. Nothing routes to it: the router reaches its classes by bindings. */
export { TenantGate } from "./gate.js";
export { Pool } from "./pool.js";
export { CallSession } from "./session.js";

export default {
  fetch() {
    return new Response("not found", { status: 404 });
  },
};
