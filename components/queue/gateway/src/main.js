// The gateway as a process: `node src/main.js`. It ends at SIGTERM, once every callback that it took is answered.
import { producer, required, secret } from "./settings.js";
import { ownMetrics } from "./metrics.js";
import { openStore } from "./store.js";
import { callsServer, probesServer } from "./server.js";

/** @type {import("./settings.js").GatewaySettings} */
const settings = JSON.parse(required("HEADROOM_SETTINGS"));
const secrets = required("HEADROOM_SECRETS");
const own = ownMetrics(settings.depthCap);
/** @type {import("./store.js").Store | undefined} */
let opened;
const probes = probesServer(settings, () => opened, own);
await probes.listen({ port: settings.probesPort, host: settings.address });
const store = (opened = await openStore(settings, producer(secrets)));
const calls = callsServer(settings, store, secret(secrets, "callbacks-token", "tokens"), own);
await calls.listen({ port: settings.port, host: settings.address });

process.once("SIGTERM", async () => {
  await calls.close();
  await store.close();
  await probes.close();
});
