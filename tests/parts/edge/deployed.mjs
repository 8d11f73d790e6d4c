// workerd, started from what was deployed to the stand-in's account: scripts, bindings, KV and storage classes as its files say.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Miniflare } from "miniflare";

export { Miniflare };

/** The account's objects of one type; none where there is no folder of it. */
export function objects(account, type) {
  const folder = join(account, type);
  const files = readdirSync(account).includes(type) ? readdirSync(folder).filter((file) => file.endsWith(".json")) : [];
  return files.map((file) => JSON.parse(readFileSync(join(folder, file), "utf-8")));
}

/** The scripts of an account as miniflare's options. A type of binding that is not known here is an error, never left out. */
export function workers(account) {
  const scripts = objects(account, "workersScript");
  const classes = Object.fromEntries(scripts.map((script) => [script.id, script.durable_objects.classes]));
  return scripts.map(({ id, inputs }) => {
    const worker = {
      name: id,
      modules: [{ type: "ESModule", path: inputs.mainModule, contents: inputs.content }],
      compatibilityDate: inputs.compatibilityDate,
      compatibilityFlags: inputs.compatibilityFlags ?? [],
      bindings: {},
      durableObjects: {},
      kvNamespaces: {},
      queueProducers: {},
      queueConsumers: consumers(account, id),
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

/** The queues that a script reads, by name, as miniflare's options. */
function consumers(account, script) {
  const names = Object.fromEntries(objects(account, "queue").map(({ id, inputs }) => [id, inputs.queueName]));
  const own = objects(account, "queueConsumer").filter(({ inputs }) => inputs.scriptName === script);
  return Object.fromEntries(
    own.map(({ inputs }) => {
      const { batchSize, maxRetries, maxWaitTimeMs, retryDelay } = inputs.settings ?? {};
      const settings = {
        maxBatchSize: batchSize,
        maxBatchTimeout: maxWaitTimeMs === undefined ? undefined : maxWaitTimeMs / 1000,
        maxRetries,
        retryDelay,
        deadLetterQueue: inputs.deadLetterQueue,
      };
      return [names[inputs.queueId], Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))];
    }),
  );
}

/**
 * miniflare with the account's router in front.
 *
 * Requests of the Workers to hosts of the world go to the HTTP server at the URL `world`, with the host that they name.
 * `changed` takes the Workers' options and gives those to start with: what the account's files do not say belongs there.
 */
export async function start(account, world, persist, { port = 0, changed = (made) => made } = {}) {
  const outboundService = { external: { address: new URL(world).host, http: {} } };
  const options = () => {
    const made = changed(workers(account)).map((worker) => ({ ...worker, outboundService }));
    const router = made.find((worker) => worker.name.endsWith("-router"));
    return { router, all: [router, ...made.filter((worker) => worker !== router)] };
  };
  const first = options();
  const shared = { host: "127.0.0.1", port, defaultPersistRoot: persist };
  const miniflare = new Miniflare({ ...shared, workers: first.all });
  const url = await miniflare.ready;
  const router = first.router.name;
  const binding = (id) => Object.entries(first.router.kvNamespaces).find(([, namespace]) => namespace === id)?.[0];
  const kv = {};
  /** Put the account's KV values, as far as they are not as they were put last; how many were. */
  const putValues = async () => {
    let put = 0;
    for (const { inputs } of objects(account, "workersKv")) {
      const key = `${inputs.namespaceId}/${inputs.keyName}`;
      if (kv[key] === inputs.value) continue;
      await (await miniflare.getKVNamespace(binding(inputs.namespaceId), router)).put(inputs.keyName, inputs.value);
      kv[key] = inputs.value;
      put += 1;
    }
    return put;
  };
  /** Upload the account's scripts anew: as on the network, every object is made anew and every socket is cut. */
  const deploy = async () => {
    await miniflare.setOptions({ ...shared, port: Number(url.port), workers: options().all });
    await putValues();
  };
  await putValues();
  return { miniflare, url, router, putValues, deploy };
}
