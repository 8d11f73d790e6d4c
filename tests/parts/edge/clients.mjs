// Tenants that sign tokens, and clients that call with them.
import { randomUUID } from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { WebSocket } from "ws";

export { WebSocket, WebSocketServer } from "ws";

/**
 * A tenant with a key pair of its own: what KV holds of it, and how it signs.
 *
 * @param {string} id
 * @param {string} plan
 * @param {string} host for whom its tokens are
 * @param {{ alg?: string, kid?: string, vertical?: string }} options
 */
export async function makeTenant(id, plan, host, { alg = "EdDSA", kid = "key-1", vertical } = {}) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const value = { plan, ...(vertical && { vertical }), keys: { [kid]: { ...(await exportJWK(publicKey)), alg } } };
  /** A token for one call; `claims` and `header` replace what an honest one has. */
  const token = (call = randomUUID(), { claims = {}, header = {}, key = privateKey } = {}) => {
    const now = Math.floor(Date.now() / 1000);
    const honest = { sub: id, aud: host, jti: call, iat: now, exp: now + 60, ...claims };
    return new SignJWT(Object.fromEntries(Object.entries(honest).filter(([, value]) => value !== undefined)))
      .setProtectedHeader({ alg, kid, ...header })
      .sign(key);
  };
  return { id, kid, key: `tenant:${id}`, value, token, privateKey, publicKey };
}

/**
 * Call; what came of the upgrade, once it is known, with everything that comes afterwards.
 *
 * @param {string | URL} url
 * @param {string} token
 * @param {{ headers?: Record<string, string>, protocols?: string[] }} options
 */
export async function call(url, token, { headers = {}, protocols = [] } = {}) {
  const at = new URL(url);
  at.protocol = at.protocol.replace("http", "ws");
  const authorization = token === undefined || protocols.length > 0 ? {} : { Authorization: `Bearer ${token}` };
  const socket = new WebSocket(at, protocols, { headers: { ...authorization, ...headers }, perMessageDeflate: false });
  const messages = [];
  const waiting = [];
  const client = { socket, messages, status: 0, body: null, code: 0, reason: "", closed: new Promise((resolve) => socket.once("close", resolve)) };
  socket.on("message", (data, binary) => {
    messages.push(binary ? data : parsed(String(data)));
    for (const notice of waiting.splice(0)) notice();
  });
  socket.on("error", () => {});
  socket.on("close", (code, reason) => {
    client.code = code;
    client.reason = String(reason);
    for (const notice of waiting.splice(0)) notice();
  });
  await new Promise((resolve) => {
    socket.once("open", () => {
      client.status = 101;
      resolve(null);
    });
    socket.once("unexpected-response", async (request, answer) => {
      client.status = answer.statusCode;
      client.retryAfter = answer.headers["retry-after"];
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      client.body = parsed(Buffer.concat(chunks).toString());
      request.destroy();
      resolve(null);
    });
    socket.once("error", resolve);
  });
  /** The first message, of those that came and of those to come, that is as asked for; null once the socket is closed. */
  client.next = async (wanted = () => true) => {
    for (let seen = 0; ; ) {
      for (; seen < messages.length; seen += 1) if (wanted(messages[seen])) return messages[seen];
      if (socket.readyState === WebSocket.CLOSED) return null;
      await new Promise((resolve) => waiting.push(resolve));
    }
  };
  client.hangUp = async () => {
    if (client.status !== 101 || socket.readyState === WebSocket.CLOSED) return;
    socket.close(1000);
    await client.closed;
  };
  return client;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
