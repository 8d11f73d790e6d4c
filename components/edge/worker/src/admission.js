/** From a caller to its places: of its plan by its gate, of its vertical by a shard of the pool. */
import { read } from "./kept.js";
import { shardOf } from "./shards.js";

/**
 * @typedef {import("./tokens.js").Caller} Caller
 * @typedef {Held | { refused: import("./refusal.js").Reason | "replayed" }} Admission
 */

/**
 * The places of a call, or why it has none. Where one of the two is missing, the other is given back.
 *
 * Fails closed: a plan or vertical that KV does not know has no places, and where an object does not answer there are none.
 *
 * @param {Caller} caller
 * @param {string} vertical
 * @param {RouterEnv} env
 * @param {ExecutionContext} ctx
 * @returns {Promise<Admission>}
 */
export async function admit(caller, vertical, env, ctx) {
  const known = await capsOf(caller.plan, vertical, env);
  if (known === null) return { refused: "gate" };
  const { plan, places, shards } = known;
  const seconds = env.SETTINGS.leaseSeconds;
  const gate = gateOf(caller.tenant, env);
  const leasedAt = Date.now();
  /** @type {ReturnType<import("./gate.js").TenantGate["take"]>} */
  const asked = gate.take({
    call: caller.call,
    vertical,
    shard: shardOf(vertical, shards, caller.tenant, caller.call),
    cap: plan.cap,
    guaranteed: own(plan.guarantees, vertical) ?? 0,
    starts: plan.starts,
    seconds,
    until: caller.until,
  });
  const taken = await answered(asked);
  if (taken === null) return { refused: "gate" };
  if ("refused" in taken) return taken;
  const { fence, reserved, shard } = taken;
  /** @type {ReturnType<import("./pool.js").Pool["take"]>} */
  const counting = poolOf(shard, env).take({ call: callOf(caller), vertical, shard, reserved, places, seconds });
  const counted = await answered(counting);
  if (counted === null || "refused" in counted) {
    const reason = counted === null ? "gate" : "pool";
    ctx.waitUntil(answered(gate.cancel(caller.call, fence, reason)));
    return { refused: reason };
  }
  return { gateFence: fence, shard, shardFence: counted.fence, leasedAt };
}

/**
 * Give both places of a call back that never began.
 *
 * @param {Caller} caller
 * @param {Held} held
 * @param {RouterEnv} env
 */
export async function giveBack(caller, { gateFence, shard, shardFence }, env) {
  await Promise.all([
    answered(gateOf(caller.tenant, env).cancel(caller.call, gateFence, "upstream")),
    answered(poolOf(shard, env).release(callOf(caller), shardFence)),
  ]);
}

/**
 * How many calls the tenant might begin now: an estimate, for the pool's shards say what they use now and then.
 *
 * @param {Caller} caller
 * @param {string} vertical
 * @param {RouterEnv} env
 * @returns {Promise<{ free: number } | { refused: "plan" | "pool" | "gate" }>}
 */
export async function room({ tenant, plan: name }, vertical, env) {
  const known = await capsOf(name, vertical, env);
  if (known === null) return { refused: "gate" };
  const { plan, places } = known;
  const [gate, ledger] = await Promise.all([answered(gateOf(tenant, env).status()), answered(poolOf(vertical, env).status())]);
  if (gate === null || ledger === null) return { refused: "gate" };
  const ofPlan = plan.cap - gate.active;
  const ofVertical = places.shared - (ledger.parts["shared"]?.used ?? 0);
  const guaranteed = (own(plan.guarantees, vertical) ?? 0) - (gate.guaranteed[vertical] ?? 0);
  if (ofPlan <= 0) return { refused: "plan" };
  const free = Math.min(ofPlan, Math.max(0, ofVertical) + Math.max(0, guaranteed));
  return free > 0 ? { free } : { refused: "pool" };
}

/**
 * What KV says of a plan and a vertical, or null where it does not speak of one of them.
 *
 * @param {string} name
 * @param {string} vertical
 * @param {RouterEnv} env
 */
async function capsOf(name, vertical, env) {
  /** @type {Caps | null} */
  const caps = await read(env.PLANS, "caps", env.SETTINGS.tokens.rememberSeconds);
  const [plan, total, pool] = [own(caps?.plans, name), own(caps?.verticals, vertical), own(caps?.pools, vertical)];
  if (plan === undefined || total === undefined || pool === undefined) return null;
  const reserved = Math.min(pool.reserved, total);
  return { plan, places: { reserved, shared: total - reserved, block: pool.block }, shards: pool.shards };
}

/**
 * @param {string} tenant
 * @param {PlaceBindings} env
 */
export function gateOf(tenant, env) {
  return env.TENANT_GATE.get(env.TENANT_GATE.idFromName(tenant));
}

/**
 * @param {string} name of a shard or a ledger
 * @param {PlaceBindings} env
 */
export function poolOf(name, env) {
  return env.POOL.get(env.POOL.idFromName(name));
}

/**
 * What a call is called where tenants meet.
 *
 * @param {{ tenant: string, call: string }} caller
 */
function callOf({ tenant, call }) {
  return `${tenant}/${call}`;
}

/**
 * The answer, or null where there is none. It is not asked for again: an object that has too much to do must not get more.
 *
 * @template T
 * @param {Promise<T>} asked
 * @returns {Promise<T | null>}
 */
export async function answered(asked) {
  try {
    return await asked;
  } catch (error) {
    console.error(JSON.stringify({ event: "no answer", error: String(error) }));
    return null;
  }
}

/**
 * @template T
 * @param {Record<string, T> | undefined} record
 * @param {string} key
 * @returns {T | undefined}
 */
function own(record, key) {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
