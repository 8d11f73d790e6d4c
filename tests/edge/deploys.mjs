// An edge that runs while its account is deployed to: does what each line of the input names, and answers with a line of JSON.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { openEdge } from "../parts/edge/edge.mjs";
import { arriveTogether, eventually, hangUp, resume } from "./scenarios.mjs";
import { openWorld } from "./world.mjs";

const persist = mkdtempSync(join(tmpdir(), "edge-"));
const world = await openWorld();
const edge = await openEdge(process.argv[2], world.url, persist);
const tenant = await edge.tenant("acme", "starter");
let clients = [];

const STEPS = {
  /** Call until the plan is full: how many are in, of more than it allows. */
  async fill() {
    const { within, refused } = await arriveTogether(tenant, "salon", 120);
    await hangUp(refused);
    clients.push(...within);
    return clients.length;
  },
  /** What an `up` has put into KV since, without any upload, and who gets in within seconds of it. */
  async values() {
    const put = await edge.putValues();
    const before = clients.length;
    await eventually("callers", STEPS.fill, (within) => within > before);
    return { put, within: clients.length };
  },
  /** An upload of the scripts as they are in the account now; how many of those who were cut came back to their calls. */
  async upload() {
    await edge.deploy();
    await Promise.all(clients.map((client) => client.closed));
    clients = await Promise.all(
      clients.map(async (client) => Object.assign(await resume(edge, "salon", client), { name: client.name })),
    );
    const back = clients.filter((client) => !client.refused);
    for (const client of back) client.socket.send(client.name);
    const heard = await Promise.all(back.map((client) => client.next((message) => message === client.name)));
    return heard.filter((message) => message !== null).length;
  },
  /** Where Prometheus asks, and by what token. */
  scrape: () => ({ host: edge.url.host, token: edge.metricsToken }),
  async hangUp() {
    await hangUp(clients);
    clients = [];
  },
};

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify((await STEPS[line]()) ?? null));
await edge.close();
world.close();
rmSync(persist, { recursive: true, force: true });
process.exit(0);
