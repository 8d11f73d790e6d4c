// A bare bridge whose client's socket may outlive its object's memory, as that of ours does: the hibernation API takes its share.
import { DurableObject } from "cloudflare:workers";

export class Bridge extends DurableObject {
  #upstream;

  async fetch() {
    const { webSocket: upstream } = await fetch("https://salon-origin.local.example.com/", { headers: { Upgrade: "websocket" } });
    if (upstream === null) return new Response(null, { status: 502 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    this.#upstream = upstream;
    upstream.binaryType = "arraybuffer";
    upstream.accept();
    upstream.addEventListener("message", (event) => server.send(event.data));
    return new Response(null, { status: 101, webSocket: client });
  }

  webSocketMessage(_client, message) {
    this.#upstream.send(message);
  }

  webSocketClose() {
    this.#upstream.close(1000);
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
