// workerd, started from what was deployed to the stand-in's account: scripts, bindings, KV and storage classes as its files say.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fetch, Miniflare } from "miniflare";

const objects = (account, type) =>
  readdirSync(join(account, type)).map((file) => JSON.parse(readFileSync(join(account, type, file), "utf-8")));

/** The scripts of an account as miniflare's options. A type of binding that is not known here is an error, never left out. */
export function workers(account) {
  const scripts = objects(account, "workersScript");
  const classes = Object.fromEntries(scripts.map((script) => [script.id, script.durable_objects.classes]));
  return scripts.map(({ id, inputs }) => {
    const worker = {
      name: id,
      modules: [{ type: "ESModule", path: inputs.mainModule, contents: inputs.content }],
      compatibilityDate: inputs.compatibilityDate,
      bindings: {},
      durableObjects: {},
      kvNamespaces: {},
      queueProducers: {},
      ratelimits: {},
    };
    for (const binding of inputs.bindings) {
      switch (binding.type) {
        case "durable_object_namespace": {
          const { className, scriptName } = binding;
          worker.durableObjects[binding.name] = { className, scriptName, useSQLite: classes[scriptName][className] === "sqlite" };
          break;
        }
        case "kv_namespace":
          worker.kvNamespaces[binding.name] = binding.namespaceId;
          break;
        case "queue":
          worker.queueProducers[binding.name] = { queueName: binding.queueName };
          break;
        case "ratelimit":
          worker.ratelimits[binding.name] = { simple: binding.simple };
          break;
        case "json":
          worker.bindings[binding.name] = JSON.parse(binding.json);
          break;
        case "plain_text":
        case "secret_text":
          worker.bindings[binding.name] = binding.text;
          break;
        default:
          throw new Error(`${id}: binding ${binding.name} is of type ${binding.type}, which this does not know`);
      }
    }
    return worker;
  });
}

/** miniflare with the account's router in front; requests of the Workers to hosts of the world go to `upstream`. */
export async function start(account, upstream, persist) {
  const made = workers(account);
  const router = made.find((worker) => worker.name.endsWith("-router"));
  const others = made.filter((worker) => worker !== router);
  const outboundService = (request) => {
    const url = new URL(request.url);
    return fetch(new URL(url.pathname, upstream), {
      headers: { ...Object.fromEntries(request.headers), "x-host": url.host },
      method: request.method,
    });
  };
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    durableObjectsPersist: persist,
    workers: [router, ...others].map((worker) => ({ ...worker, outboundService })),
  });
  const url = await miniflare.ready;
  for (const { inputs } of objects(account, "workersKv")) {
    const [binding] = Object.entries(router.kvNamespaces).find(([, id]) => id === inputs.namespaceId);
    await (await miniflare.getKVNamespace(binding, router.name)).put(inputs.keyName, inputs.value);
  }
  return { miniflare, url, router: router.name };
}
