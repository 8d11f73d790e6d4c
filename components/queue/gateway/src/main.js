// The gateway as a process: `node src/main.js`. It ends at SIGTERM, once every callback that it took is answered.
import { producer, required, secret } from "./settings.js";
import { openStore } from "./store.js";
import { servers } from "./server.js";

/** @type {import("./settings.js").GatewaySettings} */
const settings = JSON.parse(required("HEADROOM_SETTINGS"));
const secrets = required("HEADROOM_SECRETS");
const store = await openStore(settings, producer(secrets));
const { calls, probes } = servers(settings, store, secret(secrets, "callbacks-token", "tokens"));
await probes.listen({ port: settings.probesPort, host: settings.address });
await calls.listen({ port: settings.port, host: settings.address });

process.once("SIGTERM", async () => {
  await calls.close();
  await store.close();
  await probes.close();
});
