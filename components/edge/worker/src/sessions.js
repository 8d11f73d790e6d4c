/** The Worker that owns the Durable Objects. Nothing routes to it: the router reaches its classes by bindings. */
export { Pool, TenantGate } from "./places.js";
export { CallSession } from "./session.js";

export default {
  fetch() {
    return new Response("not found", { status: 404 });
  },
};
