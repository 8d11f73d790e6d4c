// A client that does not read, in workerd: what waits for it is bounded, it is let go, and it may come back.
import { expect, test } from "vitest";
import { startService } from "../../edge/upstream/service.mjs";
import { sleep, startWorld, until } from "./session_world.mjs";

test("who reads nothing is let go before much waits, and may come back", async () => {
  const service = await startService();
  const world = await startWorld({ salon: { upstream: service.url } }, { session: { frameBytes: 200_000, backlogBytes: 500_000, resumeSeconds: 10 } });
  const client = await world.call("salon", "slow");
  const { resume } = await client.next("headroom.started");
  client.socket.send("ready");
  await until(() => client.frames.includes("ready"));
  // Below the library, which reads ahead: the operating system's buffers fill, and then what workerd has waits.
  client.socket._socket.pause();
  let sent = 0;
  for (; sent < 400 && service.connections[0].closed === null; sent += 1) {
    service.connections[0].socket.send(Buffer.alloc(100_000));
    await sleep(5);
  }
  const back = await world.call("salon", "slow", { resume });
  expect(back.status).toBe(101);
  const { missed } = await back.next("headroom.resumed");
  // Of 40 MB that were sent meanwhile, the newest half megabyte was kept.
  await until(() => back.frames.length === 6);
  expect(missed).toBeGreaterThan(100);
  back.socket.send("here again");
  await until(() => back.frames.includes("here again"));
  back.socket.close(1000);
  client.socket.terminate();
  await world.stop();
  service.stop();
});
