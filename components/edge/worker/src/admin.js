/** What people of the house and their Prometheus may see: behind Access, and behind a token besides. */
import { answered, gateOf, poolOf } from "./admission.js";
import { exposition } from "./metrics.js";
import { same } from "./tokens.js";

const TENANT = "tenant:";

/**
 * `/metrics` of all tenants, `/metrics?tenant=<id>` of one, `/admin/tenants`, `/admin/tenants/<id>`, `/admin/verticals/<name>`.
 *
 * @param {Request} request
 * @param {RouterEnv} env
 */
export async function admin(request, env) {
  const shown = /^Bearer +(\S+)$/i.exec(request.headers.get("Authorization") ?? "")?.[1] ?? "";
  if (shown === "" || !(await same(shown, env.METRICS_TOKEN))) return Response.json({ error: "unauthorized" }, { status: 401, headers: { "WWW-Authenticate": "Bearer" } });
  if (request.method !== "GET") return Response.json({ error: "method" }, { status: 405, headers: { Allow: "GET" } });
  const url = new URL(request.url);
  const [, root, kind, name, ...rest] = url.pathname.split("/");
  if (root === "metrics" && kind === undefined) return metrics(url.searchParams.get("tenant"), env);
  if (root === "admin" && kind === "tenants" && name === undefined) return Response.json({ tenants: await tenants(env) });
  if (root === "admin" && kind === "tenants" && name !== undefined && rest.length === 0 && (await isTenant(name, env))) {
    return Response.json(await gateOf(name, env).status());
  }
  if (root === "admin" && kind === "verticals" && name !== undefined && rest.length === 0 && Object.hasOwn(env.SETTINGS.verticals, name)) {
    return Response.json(await poolOf(name, env).status());
  }
  return Response.json({ error: "not found" }, { status: 404 });
}

/**
 * @param {string | null} only
 * @param {RouterEnv} env
 */
async function metrics(only, env) {
  if (only !== null && !(await isTenant(only, env))) return Response.json({ error: "not found" }, { status: 404 });
  const names = only === null ? await tenants(env) : [only];
  const verticals = only === null ? Object.keys(env.SETTINGS.verticals) : [];
  const [ofTenants, ofVerticals] = await Promise.all([
    Promise.all(names.map(async (tenant) => ({ of: { tenant }, status: await answered(gateOf(tenant, env).status()) }))),
    Promise.all(verticals.map(async (vertical) => ({ of: { vertical }, status: await answered(poolOf(vertical, env).status()) }))),
  ]);
  // One that does not answer must not hide the others.
  const known = ofTenants.flatMap(({ of, status }) => (status === null ? [] : [{ ...of, ...status }]));
  const parts = ofVerticals.flatMap(({ of, status }) => Object.entries(status?.parts ?? {}).map(([part, places]) => ({ ...of, part, ...places })));
  const silent = [...ofTenants, ...ofVerticals].flatMap(({ of, status }) => (status === null ? [of] : []));
  return new Response(exposition(known, parts, silent), { headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" } });
}

/** @param {RouterEnv} env */
async function tenants(env) {
  /** @type {string[]} */
  const names = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    /** @type {KVNamespaceListResult<unknown>} */
    const page = await env.PLANS.list({ prefix: TENANT, ...(cursor === undefined ? {} : { cursor }) });
    names.push(...page.keys.map(({ name }) => name.slice(TENANT.length)));
    cursor = page.list_complete ? undefined : page.cursor;
  } while (cursor !== undefined);
  return names;
}

/**
 * Whether KV knows it: asking an object makes it.
 *
 * @param {string} name
 * @param {RouterEnv} env
 */
async function isTenant(name, env) {
  return name.length <= env.SETTINGS.tokens.longestId && (await env.PLANS.get(`${TENANT}${name}`)) !== null;
}
