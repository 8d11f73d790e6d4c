// The twin of capped.js without a cap, which the benchmark measures beside ours: BullMQ as it is.
import { createRequire } from "node:module";

export { FULL, KNOWN } from "../../../../components/queue/gateway/src/capped.js";

const { Redis } = createRequire(new URL("../../../../components/queue/gateway/package.json", import.meta.url))("ioredis");

export function cappedClient(connection, { answerMilliseconds }) {
  return new Redis({ ...connection, enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: answerMilliseconds });
}
