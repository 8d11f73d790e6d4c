// A process that holds a call for as long as CALL_MS after it is told to end, and memory as told.
const fs = require("node:fs");
console.log("a line of the log");
const held = Buffer.alloc(Number(process.env.HOLD_BYTES ?? 0), 1);
process.on("SIGINT", () =>
  setTimeout(() => {
    fs.appendFileSync(process.env.ENDED, `${held.length}\n`);
    process.exit(0);
  }, Number(process.env.CALL_MS ?? 0)),
);
require("node:http").createServer((_, answer) => answer.end()).listen(Number(process.env.PORT ?? 0), "127.0.0.1");
