// Who may call: tokens, good and bad, and parsers that nothing surprises.
import { env } from "cloudflare:workers";
import { exportJWK, exportPKCS8, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import fc from "fast-check";
import { beforeAll, expect, test, vi } from "vitest";
import { referenceIn } from "../../../components/edge/worker/src/callbacks.js";
import { bestLanguage } from "../../../components/edge/worker/src/languages.js";
import { asksForProtocol, callerOf, isId, same, tokenOf } from "../../../components/edge/worker/src/tokens.js";
import { SETTINGS } from "./settings.mjs";

const { tokens } = SETTINGS;
const NOW = 1_800_000_000_000;
const keys = {};

beforeAll(async () => {
  for (const [kid, algorithm] of [["old", "EdDSA"], ["new", "ES256"], ["rsa", "RS256"], ["stranger", "EdDSA"]]) {
    keys[kid] = await generateKeyPair(algorithm, { extractable: true });
  }
  const of = async (...names) => Object.fromEntries(await Promise.all(names.map(async (kid) => [kid, await exportJWK(keys[kid].publicKey)])));
  await env.PLANS.put("tenant:acme", JSON.stringify({ plan: "starter", keys: await of("old", "new", "rsa") }));
  await env.PLANS.put("tenant:bolt", JSON.stringify({ plan: "growth", vertical: "salon", keys: await of("stranger") }));
  await env.PLANS.put("tenant:leaky", JSON.stringify({ plan: "starter", keys: { old: await exportJWK(keys.old.privateKey) } }));
  await env.PLANS.put("tenant:broken", "{");
  await env.PLANS.put("tenant:empty", JSON.stringify({ plan: "starter" }));
});

const claims = (changes = {}) => ({ sub: "acme", aud: tokens.audience, jti: "call-1", iat: NOW / 1000, exp: NOW / 1000 + 60, ...changes });
const signed = (payload = claims(), { kid = "old", alg = "EdDSA", key = keys[kid].privateKey } = {}) =>
  new SignJWT(payload).setProtectedHeader({ alg, kid }).sign(key);
const caller = (token, now = NOW) => callerOf(token, env.PLANS, tokens, now);

test("a token of either kind of key says who calls, on which plan, and which call", async () => {
  const expected = { call: "call-1", tenant: "acme", plan: "starter", vertical: undefined, until: NOW + 90_000 };
  expect(await caller(await signed())).toEqual(expected);
  expect(await caller(await signed(claims(), { kid: "new", alg: "ES256" }))).toEqual(expected);
  expect(await caller(await signed(claims({ sub: "bolt" }), { kid: "stranger" }))).toMatchObject({ tenant: "bolt", vertical: "salon" });
});

test("clocks may differ by the skew and no more, a token may live as long as it may and no longer", async () => {
  const second = NOW / 1000;
  const at = async (iat, exp) => (await caller(await signed(claims({ iat, exp })))) !== null;
  expect(await at(second - 89, second - 29)).toBe(true);
  expect(await at(second - 91, second - 31)).toBe(false);
  expect(await at(second + 29, second + 60)).toBe(true);
  expect(await at(second + 31, second + 60)).toBe(false);
  expect(await at(second, second + 300)).toBe(true);
  expect(await at(second, second + 301)).toBe(false);
  expect(await at(second, second)).toBe(false);
});

test("nothing but the tenant's own public keys and the two algorithms opens the door", async () => {
  const publicText = new TextEncoder().encode(JSON.stringify(await exportJWK(keys.old.publicKey)));
  const bad = {
    "another tenant's key": await signed(claims(), { kid: "old", key: keys.stranger.privateKey }),
    "another tenant's key id": await signed(claims(), { kid: "stranger" }),
    "a key of another algorithm": await signed(claims(), { kid: "rsa", alg: "RS256" }),
    "no signature": new UnsecuredJWT(claims()).encode(),
    "the public key as a secret": await new SignJWT(claims()).setProtectedHeader({ alg: "HS256", kid: "old" }).sign(publicText),
    "a key whose private half lies in KV": await signed(claims({ sub: "leaky" })),
    "an unknown tenant": await signed(claims({ sub: "nobody" })),
    "a tenant that KV has broken": await signed(claims({ sub: "broken" })),
    "a tenant without keys": await signed(claims({ sub: "empty" })),
    "a tenant by the name of another KV key": await signed(claims({ sub: "../caps" })),
    "a key id of the prototype": await signed(claims(), { kid: "constructor", key: keys.old.privateKey }),
    "another host": await signed(claims({ aud: "calls.example.org" })),
    "no audience": await signed(claims({ aud: undefined })),
    "no call": await signed(claims({ jti: undefined })),
    "a call with a slash": await signed(claims({ jti: "a/b" })),
    "a call that is too long": await signed(claims({ jti: "a".repeat(129) })),
    "no issue": await signed(claims({ iat: undefined })),
    "no end": await signed(claims({ exp: undefined })),
    "an end that is no number": "a.b.c",
    "a cut signature": (await signed()).slice(0, -4),
    "a private key for a token": (await exportPKCS8(keys.old.privateKey)).replaceAll("\n", ""),
  };
  for (const [what, token] of Object.entries(bad)) expect(await caller(token), what).toBeNull();
});

test("a token of which one character is another is nobody's", async () => {
  const token = await signed();
  await fc.assert(
    fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(..."AQgw05-_."), async (place, sign) => {
      const changed = token.slice(0, place) + sign + token.slice(place + 1);
      const found = await caller(changed);
      // The last character of a part has bits that stand for nothing.
      const same = changed.split(".").map((part) => atobSafe(part)).join() === token.split(".").map((part) => atobSafe(part)).join();
      expect(found === null || same).toBe(true);
    }),
    { numRuns: 300 },
  );
});

const atobSafe = (part) => {
  try {
    return atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return part;
  }
};

test("whatever comes as a token, nobody is admitted and nothing is thrown", async () => {
  const json = fc.json().map((text) => btoa(unescape(encodeURIComponent(text))).replaceAll("=", ""));
  const part = fc.oneof(fc.string(), fc.base64String(), json);
  const shaped = fc.tuple(part, part, part).map((parts) => parts.join("."));
  const named = fc
    .record({ alg: fc.constantFrom("EdDSA", "ES256", "none", "HS256"), kid: fc.constantFrom("old", "new", "x"), extra: fc.jsonValue() })
    .map((header) => [header, claims()].map((object) => btoa(JSON.stringify(object)).replaceAll("=", "")).concat("AAAA").join("."))
    .filter((text) => text.length > 0);
  await fc.assert(fc.asyncProperty(fc.oneof(fc.string({ unit: "binary" }), shaped, named), async (text) => void expect(await caller(text)).toBeNull()), {
    numRuns: 1000,
  });
});

test("a token is found in the header or in a subprotocol, and is not if it is too long", () => {
  const of = (headers) => tokenOf(new Headers(headers), 20);
  expect(of({ Authorization: "Bearer a.b.c" })).toBe("a.b.c");
  expect(of({ "Sec-WebSocket-Protocol": "headroom, token.a.b.c" })).toBe("a.b.c");
  expect(of({ Authorization: "Basic a" })).toBeNull();
  expect(of({ Authorization: `Bearer ${"a".repeat(21)}` })).toBeNull();
  expect(of({ "Sec-WebSocket-Protocol": "token." })).toBeNull();
  expect(of({})).toBeNull();
  expect([asksForProtocol(new Headers({ "Sec-WebSocket-Protocol": "token.a, headroom" })), asksForProtocol(new Headers())]).toEqual([true, false]);
});

const header = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });

test("any header is read without an exception", () => {
  fc.assert(
    fc.property(header, header, (authorization, protocol) => {
      const found = tokenOf(new Headers({ Authorization: authorization, "Sec-WebSocket-Protocol": protocol }), 50);
      expect(found === null || (found.length <= 50 && found.length > 0)).toBe(true);
    }),
  );
});

test("any Accept-Language finds one of the languages", () => {
  fc.assert(fc.property(header, (accept) => void expect(["en", "es", "pt-br"]).toContain(bestLanguage(accept, ["en", "es", "pt-br"]))));
});

test.each([
  ["", "en"],
  ["es", "es"],
  ["es-MX", "es"],
  ["pt", "pt-br"],
  ["fr, es;q=0.4, en;q=0.8", "en"],
  ["fr, es;q=0.9, en;q=0.8", "es"],
  ["*;q=0.5, es", "es"],
  ["en;q=0, *", "es"],
  ["fr;q=2, es;q=x", "en"],
  ["de", "en"],
])("Accept-Language: %s is answered in %s", (accept, language) => expect(bestLanguage(accept, ["en", "es", "pt-br"])).toBe(language));

test("any answer to the offer is a reference or none; one that could be a number is none for health data", () => {
  const answer = fc.oneof(fc.string(), fc.json(), fc.jsonValue().map((to) => JSON.stringify({ type: "callback", to })), fc.uint8Array());
  fc.assert(
    fc.property(answer, fc.boolean(), (data, healthData) => {
      const found = referenceIn(data, 200, healthData);
      expect(found === null || /^[\x21-\x7e]{1,256}$/.test(found)).toBe(true);
    }),
  );
  const to = (reference, healthData = false) => referenceIn(JSON.stringify({ type: "callback", to: reference }), 200, healthData);
  expect(to("+15551234567")).toBe("+15551234567");
  expect(to("+15551234567", true)).toBeNull();
  expect(to("1234567890123456", true)).toBeNull();
  expect(to("ann@example.com", true)).toBeNull();
  expect(to("patient-ref-8c1d2e", true)).toBe("patient-ref-8c1d2e");
  expect(to("a".repeat(300))).toBeNull();
});

test("ids have no character that means something elsewhere", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void expect(!isId(text, 128) || /^[A-Za-z0-9._~-]{1,128}$/.test(text)).toBe(true)));
  expect([isId("acme-1.2~x_", 128), isId("", 128), isId("a", 0), isId(5, 128)]).toEqual([true, false, false, false]);
});

test("what KV said is remembered for so long and no longer, and what it did not say is asked again", async () => {
  const remembering = { ...tokens, rememberSeconds: 5 };
  const ask = async () => (await callerOf(await signed(claims({ sub: "brief" })), env.PLANS, remembering, NOW)) !== null;
  vi.useFakeTimers({ toFake: ["Date"] });
  const found = [await ask()];
  await env.PLANS.put("tenant:brief", await env.PLANS.get("tenant:acme"));
  found.push(await ask());
  await env.PLANS.delete("tenant:brief");
  found.push(await ask());
  vi.setSystemTime(Date.now() + 5000);
  found.push(await ask());
  vi.useRealTimers();
  expect(found).toEqual([false, true, true, false]);
});

test("secrets are the same or not", async () => {
  expect([await same("token", "token"), await same("token", "tokem"), await same("", "token"), await same("token", "")]).toEqual([true, false, false, false]);
});
