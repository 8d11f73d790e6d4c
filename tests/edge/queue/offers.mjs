// One producer: offers callbacks to gateways and prints a line of JSON for each answer that counts.
//   node offers.mjs '{"urls": [...], "token": "...", "from": 0, "count": 1000, "tenant": "...", "inFlight": 32, "until": false}'
// `until`: each call is offered again until it is acknowledged; otherwise once, whatever the answer is.
import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

const { urls, token, from, count, tenant, inFlight, until } = JSON.parse(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
const plans = ["enterprise", "growth", "starter", "unheard-of"];

/** Returns the status of one offer, and what Retry-After says; 0 where there is no answer. */
function offer(url, body) {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const asked = request(`${url}/callbacks`, { method: "POST", agent, headers, timeout: 10_000 }, (answer) => {
      answer.resume();
      answer.on("error", () => resolve({ status: 0 }));
      answer.on("end", () => resolve({ status: answer.statusCode, after: answer.headers["retry-after"] }));
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve({ status: 0 }));
    asked.end(body);
  });
}

let next = from;
async function produce() {
  while (next < from + count) {
    const call = `call-${next}`;
    const callback = { call, tenant, vertical: "sales", plan: plans[next % plans.length], reference: `reference-of-call-${next}` };
    next += 1;
    const body = JSON.stringify(callback);
    for (let tries = 0; ; tries += 1) {
      const { status, after } = await offer(urls[(next + tries) % urls.length], body);
      const acknowledged = status === 200 || status === 202;
      if (acknowledged || !until) {
        process.stdout.write(`${JSON.stringify({ call, status, after, at: Date.now() })}\n`);
        break;
      }
      await pause(50);
    }
  }
}
await Promise.all(Array.from({ length: inFlight }, produce));
agent.destroy();
