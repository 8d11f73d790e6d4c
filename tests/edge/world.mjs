// The world behind the edge: the verticals' services and the queue gateway, as far as clients of the edge can tell.
import { once } from "node:events";
import { createServer } from "node:http";
import { WebSocketServer } from "../parts/edge/clients.mjs";

const FLOOD = "x".repeat(2 ** 16);

/**
 * Start it on a free port.
 *
 * A service says back what it hears; told "flood <n>" it says so many times 64 KiB. `peak` is the most calls of a tenant that were under way at one instant, as their upstreams saw it.
 */
export async function openWorld() {
  /** @type {Map<string, Map<string, number>>} */
  const live = new Map();
  const peaks = new Map();
  const heard = [];
  const jobs = new Map();
  const posted = [];
  const server = createServer(async (request, answer) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.method !== "POST" || request.url !== "/callbacks") return answer.writeHead(404).end();
    const job = JSON.parse(Buffer.concat(chunks).toString());
    posted.push(job);
    jobs.set(`${job.tenant}/${job.call}`, job);
    answer.writeHead(202, { "content-type": "application/json" }).end("{}");
  });
  const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 2 ** 30, verifyClient: () => !world.away });
  const change = (tenant, call, by) => {
    const calls = live.get(tenant) ?? live.set(tenant, new Map()).get(tenant);
    const count = (calls.get(call) ?? 0) + by;
    if (count > 0) calls.set(call, count);
    else calls.delete(call);
    peaks.set(tenant, Math.max(peaks.get(tenant) ?? 0, calls.size));
  };
  sockets.on("connection", (socket, request) => {
    const { host, "headroom-call": call, "headroom-tenant": tenant, "cf-access-client-id": access } = request.headers;
    heard.push({ host, call, tenant, access });
    change(tenant, call, 1);
    socket.on("error", () => {});
    socket.on("message", (data, binary) => {
      const flood = binary ? null : /^flood (\d+)$/.exec(String(data));
      if (flood === null) socket.send(data, { binary });
      else for (let left = Number(flood[1]); left > 0; left -= 1) socket.send(FLOOD);
    });
    socket.once("close", () => change(tenant, call, -1));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const world = {
    url: `http://127.0.0.1:${server.address().port}`,
    heard,
    jobs,
    /** Every job that came, also one that came before. */
    posted,
    /** The calls of a tenant that are under way. */
    live: (tenant) => [...(live.get(tenant)?.keys() ?? [])],
    peak: (tenant) => peaks.get(tenant) ?? 0,
    /** Whether the services refuse whoever comes. */
    away: false,
    close() {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
    },
  };
  return world;
}
