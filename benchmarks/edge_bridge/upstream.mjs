// An upstream that says back what it hears, in a process of its own.
import { WebSocketServer } from "../../tests/parts/edge/clients.mjs";

const upstream = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
upstream.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
upstream.once("listening", () => process.send(upstream.address().port));
process.once("disconnect", () => process.exit(0));
