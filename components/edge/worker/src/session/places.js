/**
 * What the gate of the tenant and the pool of the vertical say of a call's places: they stand, they are gone, or nobody answered.
 *
 * The gate is told by the way what the call used so far; the sums are cumulative, so that the same ones again add nothing.
 *
 * @param {PlaceBindings} env
 * @param {SessionCall} call
 * @param {number} seconds
 * @param {Record<string, number>} counts
 * @returns {Promise<"stand" | "gone" | "unknown">}
 */
export async function renewed(env, call, seconds, counts) {
  const { gate, pool, place } = objects(env, call);
  const answers = await Promise.allSettled([
    gate.renew(call.id, call.gateFence, seconds, counts),
    pool.renew(place, call.shardFence, seconds),
  ]);
  if (answers.some((answer) => answer.status === "fulfilled" && !answer.value)) return "gone";
  const failed = answers.filter((answer) => answer.status === "rejected");
  for (const { reason } of failed) console.error(JSON.stringify({ event: "renewal failed", call: call.id, error: String(reason) }));
  return failed.length === 0 ? "stand" : "unknown";
}

/**
 * Give the places back, and say what the call used.
 *
 * @param {PlaceBindings} env
 * @param {SessionCall} call
 * @param {Record<string, number>} counts
 */
export async function released(env, call, counts) {
  const { gate, pool, place } = objects(env, call);
  await Promise.all([gate.release(call.id, call.gateFence, counts), pool.release(place, call.shardFence)]);
}

/**
 * @param {PlaceBindings} env
 * @param {SessionCall} call
 */
function objects({ TENANT_GATE, POOL }, { tenant, id, shard }) {
  return {
    gate: TENANT_GATE.get(TENANT_GATE.idFromName(tenant)),
    pool: POOL.get(POOL.idFromName(shard)),
    // In a pool two tenants may have calls of one name.
    place: `${tenant}/${id}`,
  };
}
