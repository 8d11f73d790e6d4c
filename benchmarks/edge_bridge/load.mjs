// The deployed edge and two bare bridges, one after the other and again, by the same clients: prints what was measured as JSON.
import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Miniflare } from "../../tests/parts/edge/deployed.mjs";
import { call } from "../../tests/parts/edge/clients.mjs";
import { workerdProcesses } from "../../tests/parts/edge/edge.mjs";
import { openEdge } from "./ours.mjs";

const FRAME = Buffer.alloc(640, 1); // 20 ms of 16 bits at 16 kHz
const CLIENTS = 50;
const WINDOW = 8;
const SECONDS = 4;
const ROUNDS = 15;
const ROUND_SECONDS = 1.5;
const PACED_SECONDS = 6;
const SESSIONS = 1000;

const upstream = fork(new URL("upstream.mjs", import.meta.url));
const [port] = await once(upstream, "message");
const world = `http://127.0.0.1:${port}`;
const folder = mkdtempSync(join(tmpdir(), "edge-bench-"));
const ours = await openEdge(process.argv[2], world, join(folder, "ours"));
const bare = await openBare("bare", "bridge.js");
const sleeping = await openBare("sleeping", "sleeping_bridge.js");

const rates = { ours: [], bare: [], sleeping: [] };
const latencies = { ours: [], bare: [] };
// What else the machine does changes from second to second: the sides take turns that are short, and those of one round are compared.
const calling = [];
for (const side of [bare, sleeping, ours]) calling.push({ side, clients: await opened(side, CLIENTS) });
for (let round = 0; round < ROUNDS; round += 1) {
  for (const { side, clients } of round % 2 === 0 ? calling : calling.toReversed()) rates[side.name].push(await framesPerSecond(side, clients));
}
for (const { clients } of calling) await closed(clients);
for (let round = 0; round < 3; round += 1) {
  for (const side of [bare, ours]) latencies[side.name].push(await latency(side));
}
const admissions = { ours: await callsPerSecond(ours), bare: await callsPerSecond(bare) };
const memory = { bare: await memoryOf(bare), ours: await memoryOf(ours) };
console.log(JSON.stringify({ rates, latencies, admissions, memory, clients: CLIENTS, frame: FRAME.length, sessions: SESSIONS }));
for (const side of [ours, bare, sleeping]) await side.close();
upstream.disconnect();
rmSync(folder, { recursive: true, force: true });
process.exit(0);

async function openBare(name, file) {
  const contents = (name) => readFileSync(new URL(name, import.meta.url), "utf-8");
  const module = (name) => [{ type: "ESModule", path: name, contents: contents(name) }];
  const shared = { compatibilityDate: ours.compatibilityDate, outboundService: { external: { address: new URL(world).host, http: {} } } };
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    defaultPersistRoot: join(folder, name),
    workers: [
      { ...shared, name: "router", modules: module("router.js"), durableObjects: { BRIDGE: { className: "Bridge", scriptName: "bridge", useSQLite: true } } },
      { ...shared, name: "bridge", modules: module(file), durableObjects: { BRIDGE: { className: "Bridge", useSQLite: true } } },
    ],
  });
  const before = workerdProcesses();
  const url = await miniflare.ready;
  return {
    name,
    pid: workerdProcesses().find((each) => !before.includes(each)),
    open: () => call(new URL(`/${randomUUID()}`, url)),
    close: () => miniflare.dispose(),
  };
}

/** So many calls of one side that are under way, their sockets without listeners. */
async function opened(side, count) {
  const clients = [];
  for (let left = count; left > 0; left -= 50) {
    clients.push(...(await Promise.all(Array.from({ length: Math.min(50, left) }, () => side.open()))));
  }
  for (const client of clients) {
    if (client.status !== 101) throw new Error(`${side.name}: ${client.status} ${JSON.stringify(client.body)}`);
    client.socket.removeAllListeners("message");
  }
  return clients;
}

function closed(clients) {
  return Promise.all(clients.map((client) => client.hangUp()));
}

function isFrame(data, binary) {
  return binary && data.length === FRAME.length;
}

/** Frames a second that come back, with so many of each client under way; and how many a second of workerd's processor time. */
async function framesPerSecond(side, clients) {
  let frames = 0;
  let under = 0;
  let over = false;
  for (const { socket } of clients) {
    const send = () => {
      under += 1;
      socket.send(FRAME);
    };
    socket.on("message", (data, binary) => {
      if (!isFrame(data, binary)) return;
      frames += 1;
      under -= 1;
      if (!over) send();
    });
    for (let sent = 0; sent < WINDOW; sent += 1) send();
  }
  await pause(300);
  const begun = { frames, at: performance.now(), processor: processorSeconds(side.pid) };
  await pause(ROUND_SECONDS * 1000);
  const seconds = (performance.now() - begun.at) / 1000;
  const processor = processorSeconds(side.pid) - begun.processor;
  const counted = frames - begun.frames;
  over = true;
  while (under > 0) await pause(10);
  for (const { socket } of clients) socket.removeAllListeners("message");
  return { wall: counted / seconds, processor: counted / processor };
}

/** How long frames took there and back, in ms, where each client sends one every 20 ms. */
async function latency(side) {
  const clients = await opened(side, CLIENTS / 2);
  const took = [];
  for (const { socket } of clients) {
    const sent = [];
    socket.on("message", (data, binary) => {
      if (isFrame(data, binary)) took.push(performance.now() - sent.shift());
    });
    const timer = setInterval(() => {
      sent.push(performance.now());
      socket.send(FRAME);
    }, 20);
    socket.once("close", () => clearInterval(timer));
    await pause(Math.random() * 20);
  }
  await pause(1000);
  took.length = 0; // what the beginning took
  await pause(PACED_SECONDS * 1000);
  await closed(clients);
  took.sort((a, b) => a - b);
  return { p50: took[Math.floor(took.length * 0.5)], p99: took[Math.floor(took.length * 0.99)] };
}

/** Calls a second that are opened and hung up, as above. */
async function callsPerSecond(side) {
  let calls = 0;
  const begun = { at: performance.now(), processor: processorSeconds(side.pid) };
  const until = begun.at + SECONDS * 1000;
  const one = async () => {
    while (performance.now() < until) {
      const client = await side.open();
      if (client.status !== 101) throw new Error(`${side.name}: ${client.status} ${JSON.stringify(client.body)}`);
      calls += 1;
      await client.hangUp();
    }
  };
  await Promise.all(Array.from({ length: 20 }, one));
  return { wall: (calls * 1000) / (performance.now() - begun.at), processor: calls / (processorSeconds(side.pid) - begun.processor) };
}

/** The KiB of workerd's memory that a session takes, of many that are open and idle. */
async function memoryOf(side) {
  const before = residentKib(side.pid);
  const clients = await opened(side, SESSIONS);
  await pause(1000);
  const kib = (residentKib(side.pid) - before) / SESSIONS;
  await closed(clients);
  return kib;
}

function residentKib(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf-8"))[1]);
}

function processorSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf-8").replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100; // ticks of 10 ms
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
