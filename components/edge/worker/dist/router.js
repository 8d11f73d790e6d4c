var __defProp = Object.defineProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};

// components/edge/worker/src/kept.js
var kept = /* @__PURE__ */ new Map();
async function read(kv, key, seconds) {
  const before = kept.get(key);
  if (before !== void 0 && Math.abs(Date.now() - before.at) < seconds * 1e3) return before.value;
  const value = parsed(key, await kv.get(key));
  if (value === null) kept.delete(key);
  else if (seconds > 0) kept.set(key, { at: Date.now(), value });
  return value;
}
function parsed(key, text) {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    console.error(JSON.stringify({ event: "no JSON in KV", key }));
    return null;
  }
}

// components/edge/worker/src/shards.js
function shardOf(vertical, shards, tenant, call2) {
  let hash = 2166136261;
  for (const character of `${tenant}/${call2}`) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619) >>> 0;
  return `${vertical}#${hash % shards}`;
}

// components/edge/worker/src/admission.js
async function admit(caller, vertical, env, ctx) {
  const known = await capsOf(caller.plan, vertical, env);
  if (known === null) return { refused: "gate" };
  const { plan, places, shards } = known;
  const seconds = env.SETTINGS.leaseSeconds;
  const gate = gateOf(caller.tenant, env);
  const leasedAt = Date.now();
  const asked = gate.take({
    call: caller.call,
    vertical,
    shard: shardOf(vertical, shards, caller.tenant, caller.call),
    cap: plan.cap,
    guaranteed: own(plan.guarantees, vertical) ?? 0,
    starts: plan.starts,
    seconds,
    until: caller.until
  });
  const taken = await answered(asked);
  if (taken === null) return { refused: "gate" };
  if ("refused" in taken) return taken;
  const { fence, reserved, shard } = taken;
  const counting = poolOf(shard, env).take({ call: callOf(caller), vertical, shard, reserved, places, seconds });
  const counted2 = await answered(counting);
  if (counted2 === null || "refused" in counted2) {
    const reason = counted2 === null ? "gate" : "pool";
    ctx.waitUntil(answered(gate.cancel(caller.call, fence, reason)));
    return { refused: reason };
  }
  return { gateFence: fence, shard, shardFence: counted2.fence, leasedAt };
}
async function giveBack(caller, { gateFence, shard, shardFence }, env) {
  await Promise.all([
    answered(gateOf(caller.tenant, env).cancel(caller.call, gateFence, "upstream")),
    answered(poolOf(shard, env).release(callOf(caller), shardFence))
  ]);
}
async function room({ tenant, plan: name }, vertical, env) {
  const known = await capsOf(name, vertical, env);
  if (known === null) return { refused: "gate" };
  const { plan, places } = known;
  const [gate, ledger] = await Promise.all([answered(gateOf(tenant, env).status()), answered(poolOf(vertical, env).status())]);
  if (gate === null || ledger === null) return { refused: "gate" };
  const ofPlan = plan.cap - gate.active;
  const ofVertical = places.shared - (ledger.parts["shared"]?.used ?? 0);
  const guaranteed = (own(plan.guarantees, vertical) ?? 0) - (gate.guaranteed[vertical] ?? 0);
  if (ofPlan <= 0) return { refused: "plan" };
  const free = Math.min(ofPlan, Math.max(0, ofVertical) + Math.max(0, guaranteed));
  return free > 0 ? { free } : { refused: "pool" };
}
async function capsOf(name, vertical, env) {
  const caps = await read(env.PLANS, "caps", env.SETTINGS.tokens.rememberSeconds);
  const [plan, total, pool] = [own(caps?.plans, name), own(caps?.verticals, vertical), own(caps?.pools, vertical)];
  if (plan === void 0 || total === void 0 || pool === void 0) return null;
  const reserved = Math.min(pool.reserved, total);
  return { plan, places: { reserved, shared: total - reserved, block: pool.block }, shards: pool.shards };
}
function gateOf(tenant, env) {
  return env.TENANT_GATE.get(env.TENANT_GATE.idFromName(tenant));
}
function poolOf(name, env) {
  return env.POOL.get(env.POOL.idFromName(name));
}
function callOf({ tenant, call: call2 }) {
  return `${tenant}/${call2}`;
}
async function answered(asked) {
  try {
    return await asked;
  } catch (error2) {
    console.error(JSON.stringify({ event: "no answer", error: String(error2) }));
    return null;
  }
}
function own(record, key) {
  return record !== void 0 && Object.hasOwn(record, key) ? record[key] : void 0;
}

// components/edge/worker/src/metrics.js
var FAMILIES = {
  admitted: { name: "admitted_total", type: "counter", help: "Calls that their plan had a place for." },
  refused: { name: "refused_total", type: "counter", help: "Calls that were turned away, by what had no place for them.", label: "reason" },
  queued: { name: "callbacks_queued_total", type: "counter", help: "Callbacks that refused callers asked for." },
  callbacks_refused: { name: "callbacks_refused_total", type: "counter", help: "Callbacks that their queue will never take." },
  seconds: { name: "call_seconds_total", type: "counter", help: "Seconds of calls." },
  turns: { name: "turns_total", type: "counter", help: "Turns of calls that were answered." },
  tokens: { name: "tokens_total", type: "counter", help: "Tokens that the model counted, by kind.", label: "kind" },
  first_token: { name: "first_token_seconds", type: "histogram", help: "From the end of a caller's words to the first token." },
  first_audio: { name: "first_audio_seconds", type: "histogram", help: "From the end of a caller's words to the first sound." }
};
var PREFIX = "headroom_edge_";
function exposition(tenants2, parts, silent) {
  return [
    ...family("active_calls", "gauge", "Calls that hold a place of their plan.", tenants2.map(({ tenant, active }) => sample("", { tenant }, active))),
    ...Object.entries(FAMILIES).flatMap(([key, known]) => {
      const samples = tenants2.flatMap((status) => known.type === "histogram" ? buckets(key, status) : counted(key, known.label, status));
      return family(known.name, known.type, known.help, samples);
    }),
    ...family("places_lent", "gauge", "Places of a vertical that its shards have.", parts.map(({ vertical, part, lent }) => sample("", { vertical, part }, lent))),
    ...family("places_used", "gauge", "Of these, places that calls held when the shard said so last.", parts.map(({ vertical, part, used }) => sample("", { vertical, part }, used))),
    ...family("unanswered", "gauge", "A tenant's gate, or a vertical's ledger, that did not answer: nothing else is said of it.", silent.map((labels) => sample("", labels, 1))),
    ""
  ].join("\n");
}
function family(name, type, help, samples) {
  if (samples.length === 0) return [];
  return [`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} ${type}`, ...samples.map((text) => `${PREFIX}${name}${text}`)];
}
function sample(suffix, labels, value) {
  const texts = Object.entries(labels).map(([name, text]) => `${name}="${text.replace(/["\\\n]/g, (sign) => sign === "\n" ? "\\n" : `\\${sign}`)}"`);
  return `${suffix}{${texts.join(",")}} ${value}`;
}
function counted(key, label, { tenant, counts }) {
  return Object.entries(counts).flatMap(([name, value]) => {
    const [start, text] = split(name);
    if (start !== key) return [];
    return [sample("", { tenant, ...label === void 0 ? {} : { [label]: text } }, value)];
  });
}
function buckets(key, { tenant, counts }) {
  const bounds = Object.entries(counts).flatMap(([name, value]) => {
    const [start, bound] = split(name);
    return start === `${key}_bucket` ? [{ bound, value }] : [];
  });
  if (bounds.length === 0) return [];
  bounds.sort((one, other) => size(one.bound) - size(other.bound));
  return [
    ...bounds.map(({ bound, value }) => sample("_bucket", { tenant, le: bound }, value)),
    sample("_sum", { tenant }, counts[`${key}_sum`] ?? 0),
    sample("_count", { tenant }, counts[`${key}_count`] ?? 0)
  ];
}
function size(bound) {
  return bound === "+Inf" ? Infinity : Number(bound);
}
function split(name) {
  const colon = name.indexOf(":");
  return colon === -1 ? [name, ""] : [name.slice(0, colon), name.slice(colon + 1)];
}

// tests/parts/edge/node_modules/jose/dist/webapi/lib/buffer_utils.js
var encoder = new TextEncoder();
var decoder = new TextDecoder();
var strictDecoder = new TextDecoder("utf-8", { fatal: true });
var UINT32_RANGE = 2 ** 32;
function concat(...buffers) {
  const size2 = buffers.reduce((acc, { length }) => acc + length, 0), buf = new Uint8Array(size2);
  let i = 0;
  for (const buffer of buffers)
    buf.set(buffer, i), i += buffer.length;
  return buf;
}
var NON_ASCII = /[^\x00-\x7f]/;
function encode(string) {
  if (typeof string == "string" && string.length >= 128) {
    if (NON_ASCII.test(string))
      throw new TypeError("non-ASCII string encountered in encode()");
    return encoder.encode(string);
  }
  const bytes = new Uint8Array(string.length);
  for (let i = 0; i < string.length; i++) {
    const code = string.charCodeAt(i);
    if (code > 127)
      throw new TypeError("non-ASCII string encountered in encode()");
    bytes[i] = code;
  }
  return bytes;
}
function decodeBase64(encoded, url = false) {
  if (Uint8Array.fromBase64)
    return Uint8Array.fromBase64(encoded, { alphabet: url ? "base64url" : "base64" });
  if (url) {
    if (encoded.includes("+") || encoded.includes("/"))
      throw new TypeError("Invalid base64url");
    encoded = encoded.replace(/-/g, "+").replace(/_/g, "/");
  }
  const binary = atob(encoded), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++)
    bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// tests/parts/edge/node_modules/jose/dist/webapi/util/errors.js
var errors_exports = {};
__export(errors_exports, {
  JOSEAlgNotAllowed: () => JOSEAlgNotAllowed,
  JOSEError: () => JOSEError,
  JOSENotSupported: () => JOSENotSupported,
  JWEDecryptionFailed: () => JWEDecryptionFailed,
  JWEInvalid: () => JWEInvalid,
  JWKInvalid: () => JWKInvalid,
  JWKSInvalid: () => JWKSInvalid,
  JWKSMultipleMatchingKeys: () => JWKSMultipleMatchingKeys,
  JWKSNoMatchingKey: () => JWKSNoMatchingKey,
  JWKSTimeout: () => JWKSTimeout,
  JWSInvalid: () => JWSInvalid,
  JWSSignatureVerificationFailed: () => JWSSignatureVerificationFailed,
  JWTClaimValidationFailed: () => JWTClaimValidationFailed,
  JWTExpired: () => JWTExpired,
  JWTInvalid: () => JWTInvalid
});
var JOSEError = class extends Error {
  static code = "ERR_JOSE_GENERIC";
  code = "ERR_JOSE_GENERIC";
  constructor(message2, options) {
    super(message2, options), this.name = this.constructor.name, Error.captureStackTrace?.(this, this.constructor);
  }
};
var JWTClaimValidationFailed = class extends JOSEError {
  static code = "ERR_JWT_CLAIM_VALIDATION_FAILED";
  code = "ERR_JWT_CLAIM_VALIDATION_FAILED";
  claim;
  reason;
  payload;
  constructor(message2, payload, claim = "unspecified", reason = "unspecified") {
    super(message2, { cause: { claim, reason, payload } }), this.claim = claim, this.reason = reason, this.payload = payload;
  }
};
var JWTExpired = class extends JOSEError {
  static code = "ERR_JWT_EXPIRED";
  code = "ERR_JWT_EXPIRED";
  claim;
  reason;
  payload;
  constructor(message2, payload, claim = "unspecified", reason = "unspecified") {
    super(message2, { cause: { claim, reason, payload } }), this.claim = claim, this.reason = reason, this.payload = payload;
  }
};
var JOSEAlgNotAllowed = class extends JOSEError {
  static code = "ERR_JOSE_ALG_NOT_ALLOWED";
  code = "ERR_JOSE_ALG_NOT_ALLOWED";
};
var JOSENotSupported = class extends JOSEError {
  static code = "ERR_JOSE_NOT_SUPPORTED";
  code = "ERR_JOSE_NOT_SUPPORTED";
};
var JWEDecryptionFailed = class extends JOSEError {
  static code = "ERR_JWE_DECRYPTION_FAILED";
  code = "ERR_JWE_DECRYPTION_FAILED";
  constructor(message2 = "decryption operation failed", options) {
    super(message2, options);
  }
};
var JWEInvalid = class extends JOSEError {
  static code = "ERR_JWE_INVALID";
  code = "ERR_JWE_INVALID";
};
var JWSInvalid = class extends JOSEError {
  static code = "ERR_JWS_INVALID";
  code = "ERR_JWS_INVALID";
};
var JWTInvalid = class extends JOSEError {
  static code = "ERR_JWT_INVALID";
  code = "ERR_JWT_INVALID";
};
var JWKInvalid = class extends JOSEError {
  static code = "ERR_JWK_INVALID";
  code = "ERR_JWK_INVALID";
};
var JWKSInvalid = class extends JOSEError {
  static code = "ERR_JWKS_INVALID";
  code = "ERR_JWKS_INVALID";
};
var JWKSNoMatchingKey = class extends JOSEError {
  static code = "ERR_JWKS_NO_MATCHING_KEY";
  code = "ERR_JWKS_NO_MATCHING_KEY";
  constructor(message2 = "no applicable key found in the JSON Web Key Set", options) {
    super(message2, options);
  }
};
var JWKSMultipleMatchingKeys = class extends JOSEError {
  [Symbol.asyncIterator] = async function* () {
  };
  static code = "ERR_JWKS_MULTIPLE_MATCHING_KEYS";
  code = "ERR_JWKS_MULTIPLE_MATCHING_KEYS";
  constructor(message2 = "multiple matching keys found in the JSON Web Key Set", options) {
    super(message2, options);
  }
};
var JWKSTimeout = class extends JOSEError {
  static code = "ERR_JWKS_TIMEOUT";
  code = "ERR_JWKS_TIMEOUT";
  constructor(message2 = "request timed out", options) {
    super(message2, options);
  }
};
var JWSSignatureVerificationFailed = class extends JOSEError {
  static code = "ERR_JWS_SIGNATURE_VERIFICATION_FAILED";
  code = "ERR_JWS_SIGNATURE_VERIFICATION_FAILED";
  constructor(message2 = "signature verification failed", options) {
    super(message2, options);
  }
};

// tests/parts/edge/node_modules/jose/dist/webapi/util/base64url.js
var invalid = "The input to be decoded is not correctly encoded.";
function decode(input) {
  try {
    return decodeBase64(typeof input == "string" ? input : decoder.decode(input), true);
  } catch (cause) {
    throw new TypeError(invalid, { cause });
  }
}

// tests/parts/edge/node_modules/jose/dist/webapi/lib/validate.js
function isObject(input) {
  if (typeof input != "object" || input === null || Object.prototype.toString.call(input) !== "[object Object]")
    return false;
  const prototype = Object.getPrototypeOf(input);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
function isDisjoint(...headers) {
  const parameters = /* @__PURE__ */ new Set();
  for (const header of headers)
    if (header)
      for (const parameter of Object.keys(header)) {
        if (parameters.has(parameter))
          return false;
        parameters.add(parameter);
      }
  return true;
}
function decodeBase64url(value, label, ErrorClass) {
  try {
    return decode(value);
  } catch (cause) {
    throw new ErrorClass(`Failed to base64url decode the ${label}`, { cause });
  }
}
function encodeAsciiMember(value, label, ErrorClass) {
  try {
    return encode(value);
  } catch (cause) {
    throw new ErrorClass(`The ${label} is not a valid base64url string`, { cause });
  }
}
function parseJoseHeader(encodedProtectedHeader, ErrorClass, message2) {
  let parsed2;
  try {
    parsed2 = JSON.parse(strictDecoder.decode(decode(encodedProtectedHeader)));
  } catch (cause) {
    throw new ErrorClass(message2, { cause });
  }
  if (!isObject(parsed2))
    throw new ErrorClass(message2);
  return parsed2;
}
var JWS_RECOGNIZED = { __proto__: null, b64: true };
function validateAlgorithms(option, algorithms) {
  if (algorithms !== void 0 && (!Array.isArray(algorithms) || algorithms.some((s) => typeof s != "string")))
    throw new TypeError(`"${option}" option must be an array of strings`);
  return algorithms === void 0 ? void 0 : new Set(algorithms);
}
function validateCrit(Err, recognizedDefault, recognizedOption, protectedHeader, joseHeader) {
  if (joseHeader.crit !== void 0 && protectedHeader?.crit === void 0)
    throw new Err('"crit" (Critical) Header Parameter MUST be integrity protected');
  if (!protectedHeader || protectedHeader.crit === void 0)
    return [];
  if (!Array.isArray(protectedHeader.crit) || protectedHeader.crit.length === 0 || protectedHeader.crit.some((input) => typeof input != "string" || input.length === 0))
    throw new Err('"crit" (Critical) Header Parameter MUST be an array of non-empty strings when present');
  const recognized = recognizedOption === void 0 ? recognizedDefault : { __proto__: null, ...recognizedOption, ...recognizedDefault };
  for (const parameter of protectedHeader.crit) {
    if (!(parameter in recognized))
      throw new JOSENotSupported(`Extension Header Parameter "${parameter}" is not recognized`);
    if (!Object.hasOwn(joseHeader, parameter) || joseHeader[parameter] === void 0)
      throw new Err(`Extension Header Parameter "${parameter}" is missing`);
    if (recognized[parameter] && (!Object.hasOwn(protectedHeader, parameter) || protectedHeader[parameter] === void 0))
      throw new Err(`Extension Header Parameter "${parameter}" MUST be integrity protected`);
  }
  return protectedHeader.crit;
}
function validateB64(protectedHeader, extensions) {
  if (extensions.includes("b64")) {
    const b64 = protectedHeader.b64;
    if (typeof b64 != "boolean")
      throw new JWSInvalid('The "b64" (base64url-encode payload) Header Parameter must be a boolean');
    return b64;
  }
  return true;
}

// tests/parts/edge/node_modules/jose/dist/webapi/lib/key.js
var tag = (key) => key[Symbol.toStringTag];
var jwkMatchesOp = (entry, key, usage) => {
  const { alg } = entry;
  if (key.use !== void 0) {
    const expected = usage === "sign" || usage === "verify" ? "sig" : "enc";
    if (key.use !== expected)
      throw new TypeError(`Invalid key for this operation, its "use" must be "${expected}" when present`);
  }
  if (key.alg !== void 0 && key.alg !== alg)
    throw new TypeError(`Invalid key for this operation, its "alg" must be "${alg}" when present`);
  if (Array.isArray(key.key_ops)) {
    const expectedKeyOp = usage === "encrypt" || usage === "decrypt" ? entry.ops?.[usage === "encrypt" ? 0 : 1] : usage;
    if (expectedKeyOp && !key.key_ops.includes(expectedKeyOp))
      throw new TypeError(`Invalid key for this operation, its "key_ops" must include "${expectedKeyOp}" when present`);
  }
};
async function prepareKey(entry, key, usage) {
  const { alg, secret } = entry, requiresPrivateKey = usage === "decrypt" || usage === "sign";
  if (secret && key instanceof Uint8Array)
    return key;
  let normalized, keyObject;
  if (isObject(key)) {
    if (normalized = normalizeJwk(key), typeof normalized.kty != "string")
      throw invalidKeyType(alg, key, secret);
    if (!(secret ? normalized.kty === "oct" && typeof normalized.k == "string" : normalized.kty !== "oct" && (requiresPrivateKey ? normalized.kty === "AKP" && typeof normalized.priv == "string" || typeof normalized.d == "string" : normalized.d === void 0 && normalized.priv === void 0)))
      throw new TypeError(secret ? 'JSON Web Key for symmetric algorithms must have JWK "kty" (Key Type) equal to "oct" and the JWK "k" (Key Value) present' : `JSON Web Key for this operation must be a ${requiresPrivateKey ? "private" : "public"} JWK`);
    if (jwkMatchesOp(entry, normalized, usage), normalized.kty === "oct")
      return decode(normalized.k);
    if (!Object.isFrozen(key)) {
      const { key_ops } = key;
      Array.isArray(key_ops) && Object.freeze(key_ops), Object.freeze(key);
    }
  } else {
    if (!isKeyLike(key))
      throw invalidKeyType(alg, key, secret);
    const expectedType = secret ? "secret" : requiresPrivateKey ? "private" : "public";
    if (key.type !== expectedType && (secret || ["secret", "public", "private"].includes(key.type)))
      throw new TypeError(`${tag(key)} instances must be of type "${expectedType}" for the ${alg} algorithm`);
    if (isCryptoKey(key))
      return key;
    if (keyObject = key, keyObject.type === "secret")
      return keyObject.export();
  }
  cache ||= /* @__PURE__ */ new WeakMap();
  const cacheKey = key;
  let cached = cache.get(cacheKey);
  if (cached?.[alg])
    return cached[alg];
  if (cached || cache.set(cacheKey, cached = {}), keyObject && typeof keyObject.toCryptoKey == "function") {
    const isPublic = keyObject.type === "public", crv = nist[keyObject.asymmetricKeyDetails?.namedCurve], params = entry.resolve?.({ crv, asymmetricKeyType: keyObject.asymmetricKeyType }) ?? entry.subtle;
    return cached[alg] = keyObject.toCryptoKey(params, isPublic, entry.usages[isPublic ? 0 : 1]);
  }
  return normalized ??= keyObject.export({ format: "jwk" }), normalized.alg = alg, cached[alg] = await jwkToKey(entry, normalized);
}
var cache;
var nist = {
  __proto__: null,
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521"
};
var isCryptoKey = (key) => {
  if (key?.[Symbol.toStringTag] === "CryptoKey")
    return true;
  try {
    return key instanceof CryptoKey;
  } catch {
    return false;
  }
};
var isKeyObject = (key) => key?.[Symbol.toStringTag] === "KeyObject";
var isKeyLike = (key) => isCryptoKey(key) || isKeyObject(key);
function message(msg, actual, ...types) {
  if (types.length > 2) {
    const last = types.pop();
    msg += `one of type ${types.join(", ")}, or ${last}.`;
  } else types.length === 2 ? msg += `one of type ${types[0]} or ${types[1]}.` : msg += `of type ${types[0]}.`;
  return actual == null ? msg += ` Received ${actual}` : typeof actual == "function" && actual.name ? msg += ` Received function ${actual.name}` : typeof actual == "object" && actual != null && actual.constructor?.name && (msg += ` Received an instance of ${actual.constructor.name}`), msg;
}
function invalidKeyType(alg, actual, secret) {
  const types = ["CryptoKey", "KeyObject", "JSON Web Key"];
  return secret && types.push("Uint8Array"), new TypeError(message(`Key for the ${alg} algorithm must be `, actual, ...types));
}
var unusable = (name, prop = "algorithm.name") => new TypeError(`CryptoKey does not support this operation, its ${prop} must be ${name}`);
function checkUsage(key, usage) {
  if (usage && !key.usages.includes(usage))
    throw new TypeError(`CryptoKey does not support this operation, its usages must include ${usage}.`);
}
function checkModulusLength(alg, key) {
  const { modulusLength } = key.algorithm;
  if (typeof modulusLength != "number" || modulusLength < 2048)
    throw new TypeError(`${alg} requires key modulusLength to be 2048 bits or larger`);
}
function checkCryptoKey(key, expected, usage) {
  const algorithm = key.algorithm;
  if (algorithm.name !== expected.name)
    throw unusable(expected.name);
  if (expected.hash && algorithm.hash?.name !== expected.hash)
    throw unusable(expected.hash, "algorithm.hash");
  if (expected.namedCurve && algorithm.namedCurve !== expected.namedCurve)
    throw unusable(expected.namedCurve, "algorithm.namedCurve");
  if (expected.length !== void 0 && algorithm.length !== expected.length)
    throw unusable(expected.length, "algorithm.length");
  checkUsage(key, usage);
}
function snapshotJwk(jwk) {
  return { __proto__: null, ...jwk };
}
function normalizeJwk(jwk) {
  const normalized = snapshotJwk(jwk);
  if (normalized.ext !== void 0 && typeof normalized.ext != "boolean")
    throw new TypeError('"ext" (Extractable) Parameter must be a boolean');
  if (normalized.key_ops !== void 0) {
    const value = normalized.key_ops, keyOps = Array.isArray(value) ? [...value] : void 0;
    if (!keyOps || keyOps.some((operation) => typeof operation != "string") || new Set(keyOps).size !== keyOps.length)
      throw new TypeError('"key_ops" (Key Operations) Parameter must be an array of unique strings');
    normalized.key_ops = keyOps;
  }
  return normalized;
}
async function jwkToKey(entry, jwk, extractable) {
  if (!entry.kty.includes(jwk.kty))
    throw new JOSENotSupported('Invalid or unsupported JWK "alg" (Algorithm) Parameter value');
  const algorithm = entry.resolve?.({ kty: jwk.kty, crv: jwk.crv }) ?? entry.subtle, isPrivate = !!(jwk.d || jwk.priv), keyData = { ...jwk, ext: extractable ?? jwk.ext };
  return keyData.kty !== "AKP" && delete keyData.alg, delete keyData.use, crypto.subtle.importKey("jwk", keyData, algorithm, keyData.ext ?? !isPrivate, jwk.key_ops ?? entry.usages[isPrivate ? 1 : 0]);
}
async function rawKey(key, expected, usage, extractable = false) {
  return key instanceof Uint8Array && (key = await crypto.subtle.importKey("raw", key, expected, extractable, [usage])), checkCryptoKey(key, expected, usage), key;
}

// tests/parts/edge/node_modules/jose/dist/webapi/lib/key_descriptor.js
function table(entries) {
  const out = { __proto__: null };
  for (const alg in entries)
    out[alg] = { ...entries[alg], alg };
  return out;
}

// tests/parts/edge/node_modules/jose/dist/webapi/lib/jws_algorithms.js
var sig = [["verify"], ["sign"]];
function hmac(bits) {
  const subtle = { name: "HMAC", hash: `SHA-${bits}` };
  return { kty: ["oct"], secret: true, subtle, signing: subtle, usages: sig };
}
function rsa(bits, saltLength) {
  const subtle = { name: saltLength ? "RSA-PSS" : "RSASSA-PKCS1-v1_5", hash: `SHA-${bits}` };
  return {
    kty: ["RSA"],
    subtle,
    signing: saltLength ? { ...subtle, saltLength } : subtle,
    usages: sig,
    minRsaBits: 2048
  };
}
function ecdsa(crv, bits) {
  return {
    kty: ["EC"],
    crv,
    subtle: { name: "ECDSA", namedCurve: crv },
    signing: { name: "ECDSA", hash: `SHA-${bits}` },
    usages: sig
  };
}
function eddsa() {
  const subtle = { name: "Ed25519" };
  return {
    kty: ["OKP"],
    crv: "Ed25519",
    subtle,
    signing: subtle,
    usages: sig
  };
}
function mldsa(parameterSet) {
  const subtle = { name: `ML-DSA-${parameterSet}` };
  return {
    kty: ["AKP"],
    subtle,
    signing: subtle,
    usages: sig
  };
}
var JWS = table({
  HS256: hmac(256),
  HS384: hmac(384),
  HS512: hmac(512),
  RS256: rsa(256),
  RS384: rsa(384),
  RS512: rsa(512),
  PS256: rsa(256, 32),
  PS384: rsa(384, 48),
  PS512: rsa(512, 64),
  ES256: ecdsa("P-256", 256),
  ES384: ecdsa("P-384", 384),
  ES512: ecdsa("P-521", 512),
  EdDSA: eddsa(),
  Ed25519: eddsa(),
  "ML-DSA-44": mldsa(44),
  "ML-DSA-65": mldsa(65),
  "ML-DSA-87": mldsa(87)
});
function jwsAlgorithm(alg) {
  const entry = typeof alg == "string" ? JWS[alg] : void 0;
  if (!entry)
    throw new JOSENotSupported(`alg ${alg} is not supported either by JOSE or your javascript runtime`);
  return entry;
}

// tests/parts/edge/node_modules/jose/dist/webapi/lib/jws_verify.js
function prepareVerify(options) {
  return [options && validateAlgorithms("algorithms", options.algorithms), options?.crit];
}
function parseProtectedHeader(encodedProtectedHeader) {
  return encodedProtectedHeader === void 0 ? {} : parseJoseHeader(encodedProtectedHeader, JWSInvalid, "JWS Protected Header is invalid");
}
function encodeCompactUnencodedPayload(payload) {
  try {
    return encode(payload);
  } catch (cause) {
    throw new JWSInvalid("JWS Compact Serialization payload must use only ASCII characters", {
      cause
    });
  }
}
async function verifySignature(jws, shared, key, encodeUnencodedPayload, parsedProtected) {
  const { protected: encodedProtectedHeader, header, payload: inputPayload } = jws, protectedHeader = parsedProtected ?? parseProtectedHeader(encodedProtectedHeader);
  if (!isDisjoint(protectedHeader, header))
    throw new JWSInvalid("JWS Protected and JWS Unprotected Header Parameter names must be disjoint");
  const joseHeader = { ...protectedHeader, ...header }, b64 = validateB64(protectedHeader, validateCrit(JWSInvalid, JWS_RECOGNIZED, shared[1], protectedHeader, joseHeader)), { alg } = joseHeader;
  if (typeof alg != "string" || !alg)
    throw new JWSInvalid('JWS "alg" (Algorithm) Header Parameter missing or invalid');
  if (shared[0] && !shared[0].has(alg))
    throw new JOSEAlgNotAllowed('"alg" (Algorithm) Header Parameter value not allowed');
  if (b64) {
    if (typeof inputPayload != "string")
      throw new JWSInvalid("JWS Payload must be a string");
  } else if (typeof inputPayload != "string" && !(inputPayload instanceof Uint8Array))
    throw new JWSInvalid("JWS Payload must be a string or an Uint8Array instance");
  const signingPayload = b64 || typeof inputPayload != "string" ? inputPayload : encodeUnencodedPayload(inputPayload);
  let resolvedKey = false;
  typeof key == "function" && (key = await key(protectedHeader, jws), resolvedKey = true);
  const entry = jwsAlgorithm(alg), signingInput = concat(encodedProtectedHeader !== void 0 ? encode(encodedProtectedHeader) : new Uint8Array(), encode("."), typeof signingPayload == "string" ? shared[2] ??= encodeAsciiMember(signingPayload, "payload", JWSInvalid) : signingPayload), signature = decodeBase64url(jws.signature, "signature", JWSInvalid), verificationKey = await prepareKey(entry, key, "verify"), cryptoKey = await rawKey(verificationKey, entry.subtle, "verify");
  entry.minRsaBits && checkModulusLength(entry.alg, cryptoKey);
  let verified = false;
  try {
    verified = await crypto.subtle.verify(entry.signing, cryptoKey, signature, signingInput);
  } catch (cause) {
    throw new JWSSignatureVerificationFailed(void 0, { cause });
  }
  if (!verified)
    throw new JWSSignatureVerificationFailed();
  const result = { payload: typeof signingPayload == "string" ? decodeBase64url(signingPayload, "payload", JWSInvalid) : signingPayload };
  return encodedProtectedHeader !== void 0 && (result.protectedHeader = protectedHeader), header !== void 0 && (result.unprotectedHeader = header), resolvedKey ? [{ ...result, key: verificationKey }, b64] : [result, b64];
}
async function verifyCompact(jws, shared, key) {
  if (jws instanceof Uint8Array && (jws = decoder.decode(jws)), typeof jws != "string")
    throw new JWSInvalid("Compact JWS must be a string or Uint8Array");
  const { 0: protectedHeader, 1: payload, 2: signature, length } = jws.split(".");
  if (length !== 3)
    throw new JWSInvalid("Invalid Compact JWS");
  return verifySignature({ payload, protected: protectedHeader, signature }, shared, key, encodeCompactUnencodedPayload);
}

// tests/parts/edge/node_modules/jose/dist/webapi/lib/jwt_claims_set.js
var epoch = (date) => Math.floor(date.getTime() / 1e3);
var multipliers = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86400,
  w: 604800,
  y: 31557600
};
var REGEX = /^(\+|\-)? ?(\d+|\d+\.\d+) ?(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w|years?|yrs?|y)(?: (ago|from now))?$/i;
var checkFailed = "check_failed";
function invalidDuration() {
  throw new TypeError("Invalid time period format");
}
function secs(str) {
  typeof str != "string" && invalidDuration();
  const matched = REGEX.exec(str);
  (!matched || matched[4] && matched[1]) && invalidDuration();
  const value = parseFloat(matched[2]), durationSeconds = Math.round(value * multipliers[matched[3][0].toLowerCase()]);
  return Number.isFinite(durationSeconds) || invalidDuration(), matched[1] === "-" || matched[4] === "ago" ? -durationSeconds : durationSeconds;
}
function validateInput(label, input) {
  if (!Number.isFinite(input))
    throw new TypeError(`Invalid ${label} input`);
  return input;
}
var normalizeTyp = (value) => {
  const normalized = value.toLowerCase();
  return value.includes("/") ? normalized : `application/${normalized}`;
};
var checkAudiencePresence = (audPayload, audOption) => typeof audPayload == "string" ? audOption.includes(audPayload) : Array.isArray(audPayload) ? audOption.some((aud) => audPayload.includes(aud)) : false;
function validateNumericDate(claimsSet, claim, required = false) {
  const value = claimsSet[claim];
  if (!(value === void 0 && !required)) {
    if (typeof value != "number")
      throw new JWTClaimValidationFailed(`"${claim}" claim must be a number`, claimsSet, claim, "invalid");
    return value;
  }
}
function unexpectedClaim(claimsSet, claim) {
  throw new JWTClaimValidationFailed(`unexpected "${claim}" claim value`, claimsSet, claim, checkFailed);
}
function validateClaimsSet(protectedHeader, claimsSetBytes, options = {}) {
  let claimsSet;
  try {
    claimsSet = JSON.parse(strictDecoder.decode(claimsSetBytes));
  } catch (cause) {
    throw new JWTInvalid("JWT Claims Set must be a top-level JSON object", { cause });
  }
  if (!isObject(claimsSet))
    throw new JWTInvalid("JWT Claims Set must be a top-level JSON object");
  const { typ } = options;
  if (typ !== void 0 && (typeof protectedHeader.typ != "string" || normalizeTyp(protectedHeader.typ) !== normalizeTyp(typ)))
    throw new JWTClaimValidationFailed('unexpected "typ" JWT header value', claimsSet, "typ", checkFailed);
  const { requiredClaims = [], issuer, subject, audience, maxTokenAge } = options, presenceCheck = [...requiredClaims];
  maxTokenAge !== void 0 && presenceCheck.push("iat"), audience !== void 0 && presenceCheck.push("aud"), subject !== void 0 && presenceCheck.push("sub"), issuer !== void 0 && presenceCheck.push("iss");
  for (const claim of new Set(presenceCheck.reverse()))
    if (!Object.hasOwn(claimsSet, claim))
      throw new JWTClaimValidationFailed(`missing required "${claim}" claim`, claimsSet, claim, "missing");
  issuer !== void 0 && !(Array.isArray(issuer) ? issuer : [issuer]).includes(claimsSet.iss) && unexpectedClaim(claimsSet, "iss"), subject !== void 0 && claimsSet.sub !== subject && unexpectedClaim(claimsSet, "sub"), audience !== void 0 && !checkAudiencePresence(claimsSet.aud, typeof audience == "string" ? [audience] : audience) && unexpectedClaim(claimsSet, "aud");
  const { clockTolerance } = options;
  let tolerance = 0;
  if (typeof clockTolerance == "string")
    tolerance = secs(clockTolerance);
  else if (clockTolerance !== void 0) {
    if (typeof clockTolerance != "number")
      throw new TypeError("Invalid clockTolerance option type");
    tolerance = clockTolerance;
  }
  if (validateInput("clockTolerance option", tolerance), tolerance < 0)
    throw new TypeError("Invalid clockTolerance option input");
  const { currentDate } = options, now = validateInput("currentDate option", epoch(currentDate === void 0 ? /* @__PURE__ */ new Date() : currentDate)), iat = validateNumericDate(claimsSet, "iat", maxTokenAge !== void 0), nbf = validateNumericDate(claimsSet, "nbf");
  if (nbf !== void 0 && nbf > now + tolerance)
    throw new JWTClaimValidationFailed('"nbf" claim timestamp check failed', claimsSet, "nbf", checkFailed);
  const exp = validateNumericDate(claimsSet, "exp");
  if (exp !== void 0 && exp <= now - tolerance)
    throw new JWTExpired('"exp" claim timestamp check failed', claimsSet, "exp", checkFailed);
  if (maxTokenAge !== void 0) {
    const age = now - iat, max = validateInput("maxTokenAge option", typeof maxTokenAge == "number" ? maxTokenAge : secs(maxTokenAge));
    if (max < 0)
      throw new TypeError("Invalid maxTokenAge option input");
    if (age - tolerance > max)
      throw new JWTExpired('"iat" claim timestamp check failed (too far in the past)', claimsSet, "iat", checkFailed);
    if (age < -tolerance)
      throw new JWTClaimValidationFailed('"iat" claim timestamp check failed (it should be in the past)', claimsSet, "iat", checkFailed);
  }
  return claimsSet;
}

// tests/parts/edge/node_modules/jose/dist/webapi/jwt/verify.js
async function jwtVerify(jwt, key, options) {
  const [verified, b64] = await verifyCompact(jwt, prepareVerify(options), key);
  if (!b64)
    throw new JWTInvalid("JWTs MUST NOT use unencoded payload");
  const payload = validateClaimsSet(verified.protectedHeader, verified.payload, options);
  return { ...verified, payload };
}

// tests/parts/edge/node_modules/jose/dist/webapi/util/decode_protected_header.js
function decodeProtectedHeader(token) {
  let encodedProtectedHeader;
  if (typeof token == "string") {
    const parts = token.split(".");
    (parts.length === 3 || parts.length === 5) && ([encodedProtectedHeader] = parts);
  } else if (typeof token == "object" && token)
    if ("protected" in token)
      encodedProtectedHeader = token.protected;
    else
      throw new TypeError("Token does not contain a Protected Header");
  const invalid2 = "Invalid Token or Protected Header formatting";
  if (typeof encodedProtectedHeader != "string" || !encodedProtectedHeader)
    throw new TypeError(invalid2);
  return parseJoseHeader(encodedProtectedHeader, TypeError, invalid2);
}

// tests/parts/edge/node_modules/jose/dist/webapi/util/decode_jwt.js
function decodeJwt(jwt) {
  if (typeof jwt != "string")
    throw new JWTInvalid("JWTs must use Compact JWS serialization, JWT must be a string");
  const { 1: encodedPayload, length } = jwt.split(".");
  if (length === 5)
    throw new JWTInvalid("Only JWTs using Compact JWS serialization can be decoded");
  if (length !== 3)
    throw new JWTInvalid("Invalid JWT");
  if (!encodedPayload)
    throw new JWTInvalid("JWTs must contain a payload");
  let claimsSetBytes;
  try {
    claimsSetBytes = decode(encodedPayload);
  } catch (cause) {
    throw new JWTInvalid("Failed to base64url decode the payload", { cause });
  }
  let claimsSet;
  try {
    claimsSet = JSON.parse(strictDecoder.decode(claimsSetBytes));
  } catch (cause) {
    throw new JWTInvalid("Failed to parse the decoded payload as JSON", { cause });
  }
  if (!isObject(claimsSet))
    throw new JWTInvalid("Invalid JWT Claims Set");
  return claimsSet;
}

// components/edge/worker/src/tokens.js
var ALGORITHMS = ["EdDSA", "ES256"];
var PROTOCOL = "headroom";
var CARRIER = "token.";
function tokenOf(headers, longest) {
  const bearer = /^Bearer +([A-Za-z0-9_.-]+)$/i.exec(headers.get("Authorization") ?? "")?.[1];
  const carried = protocolsOf(headers).find((name) => name.startsWith(CARRIER))?.slice(CARRIER.length);
  const token = bearer ?? carried;
  return token === void 0 || token === "" || token.length > longest ? null : token;
}
function asksForProtocol(headers) {
  return protocolsOf(headers).includes(PROTOCOL);
}
function protocolsOf(headers) {
  return (headers.get("Sec-WebSocket-Protocol") ?? "").split(",").map((name) => name.trim());
}
function isId(text, longest) {
  return typeof text === "string" && text.length <= longest && /^[A-Za-z0-9._~-]+$/.test(text);
}
async function callerOf(token, plans, settings, now) {
  const named = namesIn(token, settings);
  if (named === null) return null;
  const tenant = await tenantOf(named.tenant, plans, settings.rememberSeconds);
  if (tenant === null || !Object.hasOwn(tenant.keys, named.key)) return null;
  const jwk = tenant.keys[named.key];
  if (jwk === void 0 || jwk.d !== void 0) return null;
  try {
    if (jwk.alg !== void 0 && jwk.alg !== named.algorithm) return null;
    const { payload } = await jwtVerify(token, jwk, {
      algorithms: ALGORITHMS,
      audience: settings.audience,
      requiredClaims: ["sub", "jti", "iat", "exp"],
      clockTolerance: settings.skewSeconds,
      currentDate: new Date(now)
    });
    const { sub, jti, iat, exp } = payload;
    if (sub !== named.tenant || !isId(jti, settings.longestId) || iat === void 0 || exp === void 0) return null;
    if (exp <= iat || exp - iat > settings.longestSeconds || iat > now / 1e3 + settings.skewSeconds) return null;
    return { call: jti, tenant: sub, plan: tenant.plan, vertical: tenant.vertical, until: (exp + settings.skewSeconds) * 1e3 };
  } catch (error2) {
    if (!(error2 instanceof errors_exports.JOSEError)) {
      console.error(JSON.stringify({ event: "no token check", tenant: named.tenant, key: named.key, error: String(error2) }));
    }
    return null;
  }
}
async function tenantOf(name, plans, seconds) {
  const tenant = await read(plans, `tenant:${name}`, seconds);
  const keys = tenant?.keys;
  if (typeof tenant?.plan === "string" && typeof keys === "object" && keys !== null) return tenant;
  if (tenant !== null) console.error(JSON.stringify({ event: "no such tenant as KV says", tenant: name }));
  return null;
}
function namesIn(token, { longestId }) {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    const { sub } = decodeJwt(token);
    if (alg === void 0 || !ALGORITHMS.includes(alg) || !isId(kid, longestId) || !isId(sub, longestId)) return null;
    return { algorithm: alg, key: kid, tenant: sub };
  } catch {
    return null;
  }
}
async function same(given, known) {
  const [one, other] = await Promise.all([given, known].map((text) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
  return one !== void 0 && other !== void 0 && crypto.subtle.timingSafeEqual(one, other);
}

// components/edge/worker/src/admin.js
var TENANT = "tenant:";
async function admin(request, env) {
  const shown = /^Bearer +(\S+)$/i.exec(request.headers.get("Authorization") ?? "")?.[1] ?? "";
  if (shown === "" || !await same(shown, env.METRICS_TOKEN)) return Response.json({ error: "unauthorized" }, { status: 401, headers: { "WWW-Authenticate": "Bearer" } });
  if (request.method !== "GET") return Response.json({ error: "method" }, { status: 405, headers: { Allow: "GET" } });
  const url = new URL(request.url);
  const [, root, kind, name, ...rest] = url.pathname.split("/");
  if (root === "metrics" && kind === void 0) return metrics(url.searchParams.get("tenant"), env);
  if (root === "admin" && kind === "tenants" && name === void 0) return Response.json({ tenants: await tenants(env) });
  if (root === "admin" && kind === "tenants" && name !== void 0 && rest.length === 0 && await isTenant(name, env)) {
    return Response.json(await gateOf(name, env).status());
  }
  if (root === "admin" && kind === "verticals" && name !== void 0 && rest.length === 0 && Object.hasOwn(env.SETTINGS.verticals, name)) {
    return Response.json(await poolOf(name, env).status());
  }
  return Response.json({ error: "not found" }, { status: 404 });
}
async function metrics(only, env) {
  if (only !== null && !await isTenant(only, env)) return Response.json({ error: "not found" }, { status: 404 });
  const names = only === null ? await tenants(env) : [only];
  const verticals = only === null ? Object.keys(env.SETTINGS.verticals) : [];
  const [ofTenants, ofVerticals] = await Promise.all([
    Promise.all(names.map(async (tenant) => ({ of: { tenant }, status: await answered(gateOf(tenant, env).status()) }))),
    Promise.all(verticals.map(async (vertical) => ({ of: { vertical }, status: await answered(poolOf(vertical, env).status()) })))
  ]);
  const known = ofTenants.flatMap(({ of, status }) => status === null ? [] : [{ ...of, ...status }]);
  const parts = ofVerticals.flatMap(({ of, status }) => Object.entries(status?.parts ?? {}).map(([part, places]) => ({ ...of, part, ...places })));
  const silent = [...ofTenants, ...ofVerticals].flatMap(({ of, status }) => status === null ? [of] : []);
  return new Response(exposition(known, parts, silent), { headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" } });
}
async function tenants(env) {
  const names = [];
  let cursor;
  do {
    const page = await env.PLANS.list({ prefix: TENANT, ...cursor === void 0 ? {} : { cursor } });
    names.push(...page.keys.map(({ name }) => name.slice(TENANT.length)));
    cursor = page.list_complete ? void 0 : page.cursor;
  } while (cursor !== void 0);
  return names;
}
async function isTenant(name, env) {
  return name.length <= env.SETTINGS.tokens.longestId && await env.PLANS.get(`${TENANT}${name}`) !== null;
}

// components/edge/worker/src/callbacks.js
var REFERENCE = /^[\x21-\x7e]{1,256}$/;
var OPAQUE = /^(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_-]{16,128}$/;
async function reply(data, longest, healthData, queue) {
  const reference = referenceIn(data, longest, healthData);
  if (reference === null) return { type: "error", reason: "reference" };
  try {
    await queue(reference);
    return { type: "queued" };
  } catch (error2) {
    console.error(JSON.stringify({ event: "no callback", error: String(error2) }));
    return { type: "error", reason: "queue" };
  }
}
function referenceIn(data, longest, healthData) {
  if (typeof data !== "string" || data.length > longest) return null;
  try {
    const { type, to } = JSON.parse(data) ?? {};
    return type === "callback" && typeof to === "string" && (healthData ? OPAQUE : REFERENCE).test(to) ? to : null;
  } catch {
    return null;
  }
}
async function deliver(batch, env) {
  await Promise.all(
    batch.messages.map(async (message2) => {
      const outcome = await handed(message2.body, env);
      if (outcome === "taken") return message2.ack();
      if (outcome === "refused") {
        message2.ack();
        const gate = env.TENANT_GATE.get(env.TENANT_GATE.idFromName(message2.body.tenant));
        return gate.count({ callbacks_refused: 1 }).catch(() => {
        });
      }
      message2.retry({ delaySeconds: Math.max(outcome.retryAfter, pause(message2.attempts, env.SETTINGS.callbacks)) });
    })
  );
}
function pause(attempts, { firstRetrySeconds, longestRetrySeconds }) {
  return Math.min(longestRetrySeconds, firstRetrySeconds * 2 ** Math.max(0, attempts - 1));
}
async function handed({ call: call2, tenant, vertical, plan, reference }, env) {
  const upstream = env.SETTINGS.callbacks.upstreams[vertical];
  if (upstream === void 0) return "refused";
  try {
    const answer = await fetch(new URL("/callbacks", upstream), {
      method: "POST",
      headers: {
        Authorization: `Bearer ${env.CALLBACKS_TOKEN}`,
        "CF-Access-Client-Id": env.ACCESS_CLIENT_ID,
        "CF-Access-Client-Secret": env.ACCESS_CLIENT_SECRET,
        "Content-Type": "application/json"
      },
      body: JSON.stringify({ call: call2, tenant, vertical, plan, reference }),
      redirect: "manual"
    });
    await answer.body?.cancel();
    if (answer.ok) return "taken";
    console.error(JSON.stringify({ event: "callback refused", call: call2, status: answer.status }));
    if (NEVER.has(answer.status)) return "refused";
    const wait = Number(answer.headers.get("Retry-After"));
    return { retryAfter: Number.isFinite(wait) && wait > 0 ? Math.min(wait, env.SETTINGS.callbacks.longestRetrySeconds) : 0 };
  } catch (error2) {
    console.error(JSON.stringify({ event: "no gateway", call: call2, error: String(error2) }));
    return { retryAfter: 0 };
  }
}
var NEVER = /* @__PURE__ */ new Set([400, 413, 415, 422]);

// components/edge/worker/src/languages.js
function bestLanguage(accept, offered) {
  const wanted = accept.split(",").flatMap((entry, place) => {
    const [range = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, "") ?? "1";
    if (!/^(\*|[a-z]{1,8}(-[a-z0-9]{1,8})*)$/.test(range) || !/^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight)) return [];
    return [{ range, place, quality: Number(weight) }];
  });
  wanted.sort((one, other) => other.quality - one.quality || one.place - other.place);
  const refused2 = wanted.filter(({ quality }) => quality === 0).map(({ range }) => range);
  for (const { range, quality } of wanted) {
    const found = offered.find((language) => matches(range, language) && !refused2.some((no) => no !== "*" && matches(no, language)));
    if (quality > 0 && found !== void 0) return found;
  }
  return offered[0] ?? "";
}
function matches(range, language) {
  return range === "*" || range === language || language.startsWith(`${range}-`) || range.startsWith(`${language}-`);
}

// components/edge/worker/src/refusal.js
var TRY_LATER = 1013;
function told(reason, headers, { refusal, retryAfterSeconds }) {
  const language = bestLanguage(headers.get("Accept-Language") ?? "", refusal.texts.map(([name]) => name));
  const message2 = refusal.texts.find(([name]) => name === language)?.[1] ?? "";
  return { type: "refused", reason, message: message2, language, retryAfterSeconds };
}
function refusedPlainly(reason, headers, settings) {
  const status = reason === "plan" || reason === "starts" ? 429 : 503;
  const { language, ...body } = told(reason, headers, settings);
  return Response.json(body, {
    status,
    headers: { "Retry-After": String(settings.retryAfterSeconds), "Content-Language": language }
  });
}
function refusedSocket(reason, headers, settings, queue, healthData) {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const close = () => {
    try {
      server.close(TRY_LATER, reason);
    } catch {
    }
  };
  const { offerSeconds, longestReply } = settings.refusal;
  const offer = queue === null ? {} : { callback: { seconds: offerSeconds, reply: { type: "callback", to: "<reference>" } } };
  server.send(JSON.stringify({ ...told(reason, headers, settings), ...offer }));
  if (queue === null) {
    close();
  } else {
    const over = setTimeout(close, offerSeconds * 1e3);
    server.addEventListener("close", () => {
      clearTimeout(over);
      close();
    });
    server.addEventListener(
      "message",
      ({ data }) => {
        clearTimeout(over);
        reply(data, longestReply, healthData, queue).then((answer) => server.send(JSON.stringify(answer))).catch(() => {
        }).finally(close);
      },
      { once: true }
    );
  }
  return new Response(null, {
    status: 101,
    webSocket: client,
    headers: asksForProtocol(headers) ? { "Sec-WebSocket-Protocol": PROTOCOL } : {}
  });
}

// components/edge/worker/src/router.js
var router_default = {
  /**
   * `GET /calls/<vertical>` with an upgrade is a call; with `?resume=<token>` it is the rest of one that was cut. Without an
   * upgrade it asks whether a call would find room just now.
   *
   * @param {Request} request
   * @param {RouterEnv} env
   * @param {ExecutionContext} ctx
   */
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const [, root, vertical = "", ...rest] = url.pathname.split("/");
    if (root === "metrics" || root === "admin") return admin(request, env);
    if (root !== "calls" || rest.length > 0 || !Object.hasOwn(env.SETTINGS.verticals, vertical)) return error(404, "not found");
    if (request.method !== "GET") return error(405, "method");
    const upgrade = request.headers.get("Upgrade")?.toLowerCase() === "websocket";
    const resume = url.searchParams.get("resume");
    if (resume !== null) return upgrade ? resumed(resume, vertical, request, env) : error(426, "upgrade");
    const { tokens } = env.SETTINGS;
    const token = tokenOf(request.headers, tokens.longestCharacters);
    const caller = token === null ? null : await callerOf(token, env.PLANS, tokens, Date.now());
    if (caller === null) return error(401, "token");
    if (!(await env.SHIELD.limit({ key: caller.tenant })).success) return flooded(env);
    if (caller.vertical !== void 0 && caller.vertical !== vertical) return error(403, "vertical");
    if (upgrade) return call(caller, vertical, request, env, ctx);
    const found = await room(caller, vertical, env);
    return "free" in found ? Response.json(found) : refusedPlainly(found.refused, request.headers, env.SETTINGS);
  },
  /**
   * @param {MessageBatch<CallbackJob>} batch
   * @param {RouterEnv} env
   */
  async queue(batch, env) {
    await deliver(batch, env);
  }
};
async function call(caller, vertical, request, env, ctx) {
  const admission = await admit(caller, vertical, env, ctx);
  if ("refused" in admission) {
    return admission.refused === "replayed" ? error(401, "replayed") : refused(admission.refused, caller, vertical, request, env);
  }
  const sessions = sessionsOf(vertical, env);
  const answer = await session(sessions.get(sessions.idFromName(`${caller.tenant}/${caller.call}`)), vertical, request, {
    "headroom-call": caller.call,
    "headroom-tenant": caller.tenant,
    "headroom-plan": caller.plan,
    "headroom-gate-fence": String(admission.gateFence),
    "headroom-shard": admission.shard,
    "headroom-shard-fence": String(admission.shardFence),
    "headroom-leased-at": String(admission.leasedAt)
  });
  if (answer?.status === 409) return error(409, "under way");
  if (answer?.webSocket) return answer;
  ctx.waitUntil(giveBack(caller, admission, env));
  return refused("upstream", caller, vertical, request, env);
}
async function resumed(token, vertical, request, env) {
  if (token.length > env.SETTINGS.tokens.longestCharacters) return error(401, "token");
  const [object = ""] = token.split(".");
  const sessions = sessionsOf(vertical, env);
  let id;
  try {
    id = sessions.idFromString(object);
  } catch {
    return error(401, "token");
  }
  if (!(await env.SHIELD.limit({ key: object })).success) return flooded(env);
  const answer = await session(sessions.get(id), vertical, request, { "headroom-resume": token });
  if (answer === null) return error(503, "session");
  return answer.webSocket ? answer : error(answer.status, "resume");
}
function sessionsOf(vertical, env) {
  const jurisdiction = env.SETTINGS.verticals[vertical]?.jurisdiction;
  return jurisdiction === void 0 ? env.CALL_SESSION : env.CALL_SESSION.jurisdiction(jurisdiction);
}
async function session(object, vertical, request, headers) {
  try {
    const answer = await object.fetch(request.url, {
      headers: { Upgrade: "websocket", "headroom-vertical": vertical, ...headers }
    });
    if (!answer.webSocket || !asksForProtocol(request.headers)) return answer;
    return new Response(null, { status: 101, webSocket: answer.webSocket, headers: { "Sec-WebSocket-Protocol": PROTOCOL } });
  } catch (failure) {
    console.error(JSON.stringify({ event: "no session", vertical, error: String(failure) }));
    return null;
  }
}
function refused(reason, caller, vertical, request, env) {
  const { callbacks, verticals } = env.SETTINGS;
  const offered = Object.hasOwn(callbacks.upstreams, vertical);
  const queue = async (reference) => {
    await env.CALLBACKS.send({ call: caller.call, tenant: caller.tenant, vertical, plan: caller.plan, reference });
    await answered(gateOf(caller.tenant, env).count({ queued: 1 }));
  };
  return refusedSocket(reason, request.headers, env.SETTINGS, offered ? queue : null, verticals[vertical]?.healthData === true);
}
function flooded({ SETTINGS }) {
  return error(429, "too many requests", { "Retry-After": String(SETTINGS.retryAfterSeconds) });
}
function error(status, reason, headers = {}) {
  return Response.json({ error: reason }, { status, headers });
}
export {
  router_default as default
};
