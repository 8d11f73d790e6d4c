// The least that a bridge is: two sockets and what one says goes to the other. No lease, no transcript, no storage.
import { DurableObject } from "cloudflare:workers";

export class Bridge extends DurableObject {
  async fetch() {
    const { webSocket: upstream } = await fetch("https://salon-origin.local.example.com/", { headers: { Upgrade: "websocket" } });
    if (upstream === null) return new Response(null, { status: 502 });
    const { 0: client, 1: server } = new WebSocketPair();
    for (const socket of [server, upstream]) {
      socket.binaryType = "arraybuffer"; // a Blob could not be sent on without awaiting it
      socket.accept();
    }
    for (const [from, to] of [[server, upstream], [upstream, server]]) {
      from.addEventListener("message", (event) => to.send(event.data));
      from.addEventListener("close", (event) => to.close(event.code === 1005 || event.code === 1006 ? 1000 : event.code));
    }
    return new Response(null, { status: 101, webSocket: client });
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
