/** Who calls: tokens that tenants sign, and whose public keys KV holds. */
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from "jose";
import { read } from "./kept.js";

const ALGORITHMS = ["EdDSA", "ES256"];
/** The subprotocol that browsers ask for, and the prefix of the one that carries their token: they cannot set headers. */
export const PROTOCOL = "headroom";
const CARRIER = "token.";

/**
 * @typedef {{ call: string, tenant: string, plan: string, vertical: string | undefined, until: number }} Caller `until`: when the token ends for good
 */

/**
 * The token of a request, or null: of its Authorization header, or of its subprotocols.
 *
 * @param {Headers} headers
 * @param {number} longest
 */
export function tokenOf(headers, longest) {
  const bearer = /^Bearer +([A-Za-z0-9_.-]+)$/i.exec(headers.get("Authorization") ?? "")?.[1];
  const carried = protocolsOf(headers).find((name) => name.startsWith(CARRIER))?.slice(CARRIER.length);
  const token = bearer ?? carried;
  return token === undefined || token === "" || token.length > longest ? null : token;
}

/**
 * Whether the client must be answered with the subprotocol: a browser closes a socket that does not name one it asked for.
 *
 * @param {Headers} headers
 */
export function asksForProtocol(headers) {
  return protocolsOf(headers).includes(PROTOCOL);
}

/** @param {Headers} headers */
function protocolsOf(headers) {
  return (headers.get("Sec-WebSocket-Protocol") ?? "").split(",").map((name) => name.trim());
}

/**
 * Whether a text may name a call, a tenant or a key.
 *
 * @param {unknown} text
 * @param {number} longest
 * @returns {text is string}
 */
export function isId(text, longest) {
  return typeof text === "string" && text.length <= longest && /^[A-Za-z0-9._~-]+$/.test(text);
}

/**
 * Who signed the token, and for which call; null where it is not good, whatever is wrong with it.
 *
 * Nothing of it is believed before its signature is checked; the names in it only say which key to check it by.
 *
 * @param {string} token
 * @param {KVNamespace} plans
 * @param {TokenSettings} settings
 * @param {number} now
 * @returns {Promise<Caller | null>}
 */
export async function callerOf(token, plans, settings, now) {
  const named = namesIn(token, settings);
  if (named === null) return null;
  const tenant = await tenantOf(named.tenant, plans, settings.rememberSeconds);
  if (tenant === null || !Object.hasOwn(tenant.keys, named.key)) return null;
  const jwk = tenant.keys[named.key];
  if (jwk === undefined || jwk.d !== undefined) return null; // a private key in KV is nobody's
  try {
    // A key that names an algorithm is good for no other; jose imports each object once.
    if (jwk.alg !== undefined && jwk.alg !== named.algorithm) return null;
    const { payload } = await jwtVerify(token, jwk, {
      algorithms: ALGORITHMS,
      audience: settings.audience,
      requiredClaims: ["sub", "jti", "iat", "exp"],
      clockTolerance: settings.skewSeconds,
      currentDate: new Date(now),
    });
    const { sub, jti, iat, exp } = payload;
    if (sub !== named.tenant || !isId(jti, settings.longestId) || iat === undefined || exp === undefined) return null;
    if (exp <= iat || exp - iat > settings.longestSeconds || iat > now / 1000 + settings.skewSeconds) return null;
    return { call: jti, tenant: sub, plan: tenant.plan, vertical: tenant.vertical, until: (exp + settings.skewSeconds) * 1000 };
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) {
      console.error(JSON.stringify({ event: "no token check", tenant: named.tenant, key: named.key, error: String(error) }));
    }
    return null;
  }
}

/**
 * @param {string} name
 * @param {KVNamespace} plans
 * @param {number} seconds
 * @returns {Promise<Tenant | null>}
 */
async function tenantOf(name, plans, seconds) {
  const tenant = await read(plans, `tenant:${name}`, seconds);
  const keys = tenant?.keys;
  if (typeof tenant?.plan === "string" && typeof keys === "object" && keys !== null) return tenant;
  if (tenant !== null) console.error(JSON.stringify({ event: "no such tenant as KV says", tenant: name }));
  return null;
}

/**
 * @param {string} token
 * @param {TokenSettings} settings
 */
function namesIn(token, { longestId }) {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    const { sub } = decodeJwt(token);
    if (alg === undefined || !ALGORITHMS.includes(alg) || !isId(kid, longestId) || !isId(sub, longestId)) return null;
    return { algorithm: alg, key: kid, tenant: sub };
  } catch {
    return null;
  }
}

/**
 * Whether two secrets are the same, in a time that does not tell how much of them is.
 *
 * @param {string} given
 * @param {string} known
 */
export async function same(given, known) {
  const [one, other] = await Promise.all([given, known].map((text) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
  return one !== undefined && other !== undefined && crypto.subtle.timingSafeEqual(one, other);
}
