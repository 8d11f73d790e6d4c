/** Callbacks: taken from refused callers, and handed through the tunnel to the gateway of their vertical's queue. */

/** What may stand for a number: for health data a reference that names nobody, with a letter and none of the signs of a number. */
const REFERENCE = /^[\x21-\x7e]{1,256}$/;
const OPAQUE = /^(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_-]{16,128}$/;

/**
 * What a client is told that answered the offer of a callback.
 *
 * @param {unknown} data what it sent
 * @param {number} longest characters of it
 * @param {boolean} healthData
 * @param {(reference: string) => Promise<void>} queue
 */
export async function reply(data, longest, healthData, queue) {
  const reference = referenceIn(data, longest, healthData);
  if (reference === null) return { type: "error", reason: "reference" };
  try {
    await queue(reference);
    return { type: "queued" };
  } catch (error) {
    console.error(JSON.stringify({ event: "no callback", error: String(error) }));
    return { type: "error", reason: "queue" };
  }
}

/**
 * The reference in a client's answer, or null.
 *
 * @param {unknown} data
 * @param {number} longest
 * @param {boolean} healthData
 * @returns {string | null}
 */
export function referenceIn(data, longest, healthData) {
  if (typeof data !== "string" || data.length > longest) return null;
  try {
    const { type, to } = JSON.parse(data) ?? {};
    return type === "callback" && typeof to === "string" && (healthData ? OPAQUE : REFERENCE).test(to) ? to : null;
  } catch {
    return null;
  }
}

/**
 * Hand jobs to their gateways. A job that is taken, or never will be, is done with; any other comes again, later each time, until the
 * queue gives it up to its dead letters.
 *
 * @param {MessageBatch<CallbackJob>} batch
 * @param {RouterEnv} env
 */
export async function deliver(batch, env) {
  await Promise.all(
    batch.messages.map(async (message) => {
      const outcome = await handed(message.body, env);
      if (outcome === "taken") return message.ack();
      if (outcome === "refused") {
        message.ack();
        const gate = env.TENANT_GATE.get(env.TENANT_GATE.idFromName(message.body.tenant));
        return gate.count({ callbacks_refused: 1 }).catch(() => {});
      }
      message.retry({ delaySeconds: Math.max(outcome.retryAfter, pause(message.attempts, env.SETTINGS.callbacks)) });
    }),
  );
}

/**
 * How long a job waits after so many tries: twice as long each time.
 *
 * @param {number} attempts
 * @param {CallbackSettings} settings
 */
export function pause(attempts, { firstRetrySeconds, longestRetrySeconds }) {
  return Math.min(longestRetrySeconds, firstRetrySeconds * 2 ** Math.max(0, attempts - 1));
}

/**
 * @param {CallbackJob} job
 * @param {RouterEnv} env
 * @returns {Promise<"taken" | "refused" | { retryAfter: number }>}
 */
async function handed({ call, tenant, vertical, plan, reference }, env) {
  const upstream = env.SETTINGS.callbacks.upstreams[vertical];
  if (upstream === undefined) return "refused";
  try {
    const answer = await fetch(new URL("/callbacks", upstream), {
      method: "POST",
      headers: {
        Authorization: `Bearer ${env.CALLBACKS_TOKEN}`,
        "CF-Access-Client-Id": env.ACCESS_CLIENT_ID,
        "CF-Access-Client-Secret": env.ACCESS_CLIENT_SECRET,
        "Content-Type": "application/json",
      },
      body: JSON.stringify({ call, tenant, vertical, plan, reference }),
      redirect: "manual",
    });
    await answer.body?.cancel();
    if (answer.ok) return "taken";
    console.error(JSON.stringify({ event: "callback refused", call, status: answer.status }));
    if (NEVER.has(answer.status)) return "refused";
    const wait = Number(answer.headers.get("Retry-After"));
    return { retryAfter: Number.isFinite(wait) && wait > 0 ? Math.min(wait, env.SETTINGS.callbacks.longestRetrySeconds) : 0 };
  } catch (error) {
    console.error(JSON.stringify({ event: "no gateway", call, error: String(error) }));
    return { retryAfter: 0 };
  }
}

/** What the gateway says of a job that it will never take. Who may not ask (401, 403) or where nobody is (404) is cured by others. */
const NEVER = new Set([400, 413, 415, 422]);
