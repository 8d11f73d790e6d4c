// A vertical's own service, on this machine: it echoes what it is sent and does what it is told: "close 4000", "drop", "flood 65536 100".
import { once } from "node:events";
import { createRequire } from "node:module";

const { WebSocketServer } = createRequire(new URL("../../parts/edge/package.json", import.meta.url))("ws");

/** The service, listening, and every connection to it with its headers and its frames. */
export async function startService() {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", maxPayload: 32 * 1024 * 1024 });
  const service = { connections: [] };
  server.on("connection", (socket, request) => {
    const connection = { socket, headers: request.headers, frames: [], closed: null };
    service.connections.push(connection);
    socket.on("close", (code) => (connection.closed = code));
    socket.on("message", (data, binary) => {
      const frame = binary ? data : String(data);
      connection.frames.push(frame);
      const [command, first, second] = binary ? [] : frame.split(" ");
      if (command === "close") socket.close(Number(first), "as told");
      else if (command === "drop") socket.terminate();
      else if (command === "flood") for (let sent = 0; sent < Number(second); sent += 1) socket.send(Buffer.alloc(Number(first)));
      else socket.send(frame, { binary });
    });
  });
  await once(server, "listening");
  service.url = `http://127.0.0.1:${server.address().port}/`;
  service.stop = () => {
    for (const client of server.clients) client.terminate();
    server.close();
  };
  return service;
}
