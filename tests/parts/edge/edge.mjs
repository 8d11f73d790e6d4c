// A deployed edge that runs: its tenants, its figures, its process.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { call, makeTenant } from "./clients.mjs";
import { objects, start, workers } from "./deployed.mjs";

/**
 * Start what is deployed in an account.
 *
 * @param {string} account the account's folder
 * @param {string} world where the hosts of the world answer, as a URL
 * @param {string} persist the folder of storage; what is in it is found again
 * @param {Parameters<typeof start>[3]} options
 */
export async function openEdge(account, world, persist, options = {}) {
  const before = new Set(workerdProcesses());
  const edge = await start(account, world, persist, options);
  let pid = workerdProcesses().find((each) => !before.has(each));
  const [{ inputs: domain }] = objects(account, "workersCustomDomain");
  const scripts = workers(account);
  const { bindings } = scripts.find(({ name }) => name === edge.router);
  const { SETTINGS: ofSessions } = scripts.find(({ name }) => name !== edge.router).bindings;
  /** KV as the router has it; to be got anew after each deploy. */
  const plans = () => edge.miniflare.getKVNamespace("PLANS", edge.router);
  const at = (path) => new URL(path, edge.url);
  const self = {
    ...edge,
    host: domain.hostname,
    settings: { ...bindings.SETTINGS, ...ofSessions },
    caps: async () => (await plans()).get("caps", "json"),
    /** Put the caps, and wait until the router remembers none before them. */
    async putCaps(caps) {
      await (await plans()).put("caps", JSON.stringify(caps));
      await new Promise((resolve) => setTimeout(resolve, self.settings.tokens.rememberSeconds * 1000));
    },
    at,
    get pid() {
      return pid;
    },
    /** A tenant whose public key KV holds. */
    async tenant(id, plan, settings = {}) {
      const made = await makeTenant(id, plan, domain.hostname, settings);
      await (await plans()).put(made.key, JSON.stringify(made.value));
      return { ...made, call: async (vertical, name, options) => call(at(`/calls/${vertical}`), await made.token(name), options) };
    },
    /** A call that was cut, from where the client comes back. */
    resume: (vertical, token, options) => call(at(`/calls/${vertical}?resume=${encodeURIComponent(token)}`), undefined, options),
    metricsToken: bindings.METRICS_TOKEN,
    /** The samples of the scrape path, by series. */
    async metrics() {
      const answer = await fetch(at("/metrics"), { headers: { Authorization: `Bearer ${self.metricsToken}` } });
      if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}: ${await answer.text()}`);
      const samples = (await answer.text()).matchAll(/^([a-z_:]+(?:\{[^}]*\})?) (\S+)$/gm);
      return Object.fromEntries(Array.from(samples, ([, series, value]) => [series, Number(value)]));
    },
    /**
     * End workerd as a crash would, and start it again on the same storage and port.
     *
     * @param {{ seconds?: number, losing?: string }} how how long it is gone, and a class whose objects lose all that they stored
     */
    async crash({ seconds = 0, losing } = {}) {
      process.kill(pid, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      if (losing !== undefined) {
        const [lost] = readdirSync(join(persist, "do")).filter((folder) => folder.endsWith(`-${losing}`));
        rmSync(join(persist, "do", lost), { recursive: true });
      }
      await self.deploy();
    },
    /** Upload anew what is in the account now. */
    async deploy() {
      const running = new Set(workerdProcesses());
      await edge.deploy();
      pid = workerdProcesses().find((each) => !running.has(each)) ?? pid;
    },
    close: () => edge.miniflare.dispose(),
  };
  return self;
}

/** The ids of the workerd processes that this process has started. */
export function workerdProcesses() {
  return readdirSync(`/proc/${process.pid}/task`)
    .flatMap((thread) => readFileSync(`/proc/${process.pid}/task/${thread}/children`, "utf-8").split(" ").filter(Boolean))
    .map(Number)
    .filter((child) => {
      try {
        return readFileSync(`/proc/${child}/comm`, "utf-8").trim() === "workerd";
      } catch {
        return false; // it has ended since
      }
    });
}
