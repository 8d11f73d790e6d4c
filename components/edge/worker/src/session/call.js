/**
 * The call as the router told it.
 *
 * @param {Headers} headers
 * @returns {SessionCall}
 */
export function callOf(headers) {
  const number = (/** @type {string} */ name) => {
    const value = Number(given(headers, name));
    if (!Number.isSafeInteger(value)) throw new TypeError(`the router gave no number as headroom-${name}`);
    return value;
  };
  return {
    id: given(headers, "call"),
    tenant: given(headers, "tenant"),
    plan: given(headers, "plan"),
    vertical: given(headers, "vertical"),
    gateFence: number("gate-fence"),
    shard: given(headers, "shard"),
    shardFence: number("shard-fence"),
    leasedAt: number("leased-at"),
  };
}

/**
 * @param {Headers} headers
 * @param {string} name
 */
function given(headers, name) {
  const value = headers.get(`headroom-${name}`);
  if (value === null) throw new TypeError(`the router gave no headroom-${name}`);
  return value;
}
