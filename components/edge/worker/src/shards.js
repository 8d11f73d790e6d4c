/**
 * The Pool object that counts a call: the same for the same call.
 *
 * FNV-1a spreads ids evenly enough; it keeps nobody from choosing ids of one shard, who then finds that shard slow and no place more.
 *
 * @param {string} vertical
 * @param {number} shards
 * @param {string} tenant
 * @param {string} call
 */
export function shardOf(vertical, shards, tenant, call) {
  let hash = 0x811c9dc5;
  for (const character of `${tenant}/${call}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return `${vertical}#${hash % shards}`;
}

/**
 * The vertical whose calls the Pool object counts.
 *
 * @param {string} shard
 */
export function verticalOf(shard) {
  return shard.slice(0, shard.lastIndexOf("#"));
}
