// The deployed edge as a side of the benchmark: its own admission, leases and state, with room for every client, nothing batched.
import { randomUUID } from "node:crypto";
import { arrive } from "../../tests/edge/scenarios.mjs";
import { openEdge as open } from "../../tests/parts/edge/edge.mjs";

const ROOM = 100_000;
/** Local's own: the tests' account has shorter ones, to wait for their end. */
const LEASES = { heartbeatSeconds: 15, leaseSeconds: 45, loanSeconds: 120 };

/** @param {string} account @param {string} world @param {string} persist */
export async function openEdge(account, world, persist) {
  let compatibilityDate;
  const changed = (made) =>
    made.map((worker) => {
      compatibilityDate = worker.compatibilityDate;
      const settings = { ...structuredClone(worker.bindings.SETTINGS), ...LEASES };
      if (settings.session) settings.session.batchMilliseconds = 0;
      return { ...worker, bindings: { ...worker.bindings, SETTINGS: settings } };
    });
  const edge = await open(account, world, persist, { changed });
  const caps = await edge.caps();
  Object.assign(caps.plans.starter, { cap: ROOM, starts: { perSecond: ROOM, burst: ROOM } });
  caps.verticals.salon = ROOM;
  caps.pools.salon = { reserved: 0, shards: 1, block: ROOM / 10 };
  await edge.putCaps(caps);
  const tenant = await edge.tenant("bench", "starter");
  return {
    name: "ours",
    pid: edge.pid,
    compatibilityDate,
    /** A call that is let in; who is not is an error. */
    async open() {
      const client = await arrive(tenant, "salon", randomUUID());
      if (client.refused) throw new Error(`refused: ${JSON.stringify(client.first ?? client.body)}`);
      return client;
    },
    close: edge.close,
  };
}
