// `make edge`: what was deployed to the stand-in's account of stack local, in workerd, with a page that places test calls.
//
// An `up` in another terminal is followed: changed KV values are put, changed scripts are uploaded.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openEdge } from "../../../tests/parts/edge/edge.mjs";
import { objects } from "../../../tests/parts/edge/deployed.mjs";
import { openWorld } from "../../../tests/edge/world.mjs";

const ENVIRONMENT = "local";
const FOLLOW_MS = 1000;
const PAGE = fileURLToPath(new URL("../../../components/edge/page/", import.meta.url));
const FILES = { "/": ["index.html", "text/html"], "/page.js": ["page.js", "text/javascript"] };
const PREFIX = "headroom_edge_";

const [account, persist, port = "0"] = process.argv.slice(2);
const foreign = objects(account, "workersScript").filter(({ id }) => !id.startsWith(`${ENVIRONMENT}-`));
if (foreign.length > 0) throw new Error(`${foreign[0].id} is not of the stack ${ENVIRONMENT}: its edge has no page`);

const world = await openWorld();
const edge = await openEdge(account, world.url, persist);
const plans = Object.keys((await edge.caps()).plans);
const tenants = await Promise.all(["acme", "bolt", "cobalt"].map((name, index) => edge.tenant(name, plans[index % plans.length])));
const server = createServer(async (request, answer) => {
  try {
    await respond(request, answer);
  } catch (problem) {
    answer.writeHead(503, { "content-type": "text/plain" }).end(String(problem));
  }
});
server.listen(Number(port), "127.0.0.1");
await once(server, "listening");
console.log(`The page: http://127.0.0.1:${server.address().port}/  The edge: ${edge.url}  Ctrl-C ends it.`);

let following = scripts();
const follow = setInterval(async () => {
  const now = scripts();
  if (now === following) {
    const put = await edge.putValues();
    if (put > 0) console.log(`${put} KV value(s) changed; nothing was uploaded`);
    return;
  }
  following = now;
  await edge.deploy();
  console.log("scripts were uploaded; calls were cut and may come back");
}, FOLLOW_MS);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, end);

async function end() {
  clearInterval(follow);
  server.close();
  server.closeAllConnections();
  world.close();
  await edge.close();
  process.exit(0);
}

/** All that an upload would send. */
function scripts() {
  return JSON.stringify(objects(account, "workersScript").map(({ inputs }) => inputs));
}

async function respond(request, answer) {
  const file = FILES[request.url];
  if (file !== undefined) {
    const [name, type] = file;
    answer.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(readFileSync(join(PAGE, name)));
  } else if (request.url === "/state") {
    answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(await state()));
  } else if (request.url === "/token" && request.method === "POST") {
    await sign(request, answer);
  } else {
    answer.writeHead(404).end();
  }
}

/** A token for a new call: in production a tenant's own server signs it. */
async function sign(request, answer) {
  // A page of another origin may not read the answer, but must not have calls placed either.
  if (request.headers["sec-fetch-site"] !== undefined && request.headers["sec-fetch-site"] !== "same-origin") return answer.writeHead(403).end();
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const wanted = JSON.parse(Buffer.concat(chunks).toString()).tenant;
  const tenant = tenants.find(({ id }) => id === wanted);
  if (tenant === undefined) return answer.writeHead(404).end("there is no such tenant");
  const call = randomUUID();
  const calls = new URL("/calls/", edge.url);
  calls.protocol = "ws:";
  answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ call, token: await tenant.token(call), calls }));
}

async function state() {
  const caps = await edge.caps();
  const samples = Object.entries(await edge.metrics());
  return {
    verticals: Object.keys(edge.settings.verticals),
    tenants: tenants.map(({ id, value: { plan } }) => ({ id, plan, cap: caps.plans[plan].cap, counts: countsOf(id, samples) })),
    queue: [...world.jobs.values()],
  };
}

/** A tenant's samples by short names: `refused_total{tenant="acme",reason="plan"}` is `refused: plan`. Histograms are left to Prometheus. */
function countsOf(tenant, samples) {
  const counts = {};
  for (const [series, value] of samples) {
    const [, name, labels] = /^([a-z_]+)\{(.*)\}$/.exec(series) ?? [];
    if (name === undefined || !labels.startsWith(`tenant="${tenant}"`) || /_(bucket|sum|count)$/.test(name)) continue;
    const kind = /^tenant="[^"]*",\w+="(.*)"$/.exec(labels)?.[1];
    const short = name.slice(PREFIX.length).replace(/_total$/, "").replaceAll("_", " ");
    counts[kind === undefined ? short : `${short}: ${kind}`] = value;
  }
  return counts;
}
