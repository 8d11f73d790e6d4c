// Sessions in workerd by themselves: a router that sends whom it is told to, and a gate and a pool that say what they are told to.
import { DurableObject } from "cloudflare:workers";

import { CallSession as Session } from "../../../components/edge/worker/src/session.js";

let made = 0;

/** Counts how often an object is made: it is made anew after it slept. */
export class CallSession extends Session {
  constructor(ctx, env) {
    super(ctx, env);
    made += 1;
  }
}

class Places extends DurableObject {
  #answers = "yes";
  #asked = [];

  async renew(...asked) {
    return this.#answer("renew", asked);
  }

  async release(...asked) {
    return this.#answer("release", asked);
  }

  async #answer(name, asked) {
    this.#asked.push([name, ...asked]);
    if (this.#answers === "fail") throw new Error("told to fail");
    if (this.#answers === "hang") await new Promise((resolve) => setTimeout(resolve, 60_000));
    return this.#answers === "yes";
  }

  /** What it was asked, after it was told what to answer. */
  tell(answers) {
    this.#answers = answers ?? this.#answers;
    return this.#asked;
  }
}

export class TenantGate extends Places {}
export class Pool extends Places {}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const [, kind, first, second, third] = pathname.split("/").map(decodeURIComponent);
    if (kind === "made") return Response.json(made);
    const object = (binding, name) => binding.get(binding.idFromName(name));
    if (kind === "gate" || kind === "pool") {
      return Response.json(await object(kind === "gate" ? env.TENANT_GATE : env.POOL, first).tell(searchParams.get("answers")));
    }
    const [tenant, call, vertical] = [first, second, third];
    const headers = { Upgrade: "websocket", "headroom-vertical": vertical };
    const resume = searchParams.get("resume");
    const told = resume
      ? { "headroom-resume": resume }
      : {
          "headroom-call": call,
          "headroom-tenant": tenant,
          "headroom-plan": "growth",
          "headroom-gate-fence": "7",
          "headroom-shard": `${vertical}#0`,
          "headroom-shard-fence": "9",
          "headroom-leased-at": String(Date.now() - Number(searchParams.get("waited") ?? 0)),
        };
    return object(env.CALL_SESSION, `${tenant}/${call}`).fetch(request.url, { headers: { ...headers, ...told } });
  },
};
