// The twin of capped.js that asks how many jobs there are, and then adds one.
import { cappedClient as exact, FULL, KNOWN } from "../../../../components/queue/gateway/src/capped.js";

export { FULL, KNOWN };

export function cappedClient(connection, { cap, answerMilliseconds }) {
  const client = exact(connection, { cap: Number.MAX_SAFE_INTEGER, answerMilliseconds });
  const name = Object.keys(client).find((one) => one.startsWith("addPrioritizedJob:"));
  const add = client[name].bind(client);
  client[name] = async (args) => {
    const queue = args[3].replace(/prioritized$/, "");
    const counted = [client.llen(`${queue}wait`), client.llen(`${queue}active`), client.zcard(`${queue}prioritized`), client.zcard(`${queue}delayed`)];
    const depth = (await Promise.all(counted)).reduce((sum, one) => sum + one, 0);
    if (depth >= cap) throw new Error(`${FULL} ${depth}`);
    return add(args);
  };
  return client;
}
