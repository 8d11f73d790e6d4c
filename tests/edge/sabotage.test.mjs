// The same scenarios against gates that were broken on purpose: each must fail where its fault shows.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { abandoned, race, restart } from "./scenarios.mjs";
import { underTest } from "./under_test.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PACKAGES = join(ROOT, "tests", "parts", "edge", "node_modules");

/** The sessions' script as one of sabotage/ makes it, bundled as the real one is. */
function bundled(name) {
  const folder = mkdtempSync(join(tmpdir(), "sabotage-"));
  try {
    const out = join(folder, "sessions.js");
    const options = ["--bundle", "--format=esm", "--log-level=error", "--external:cloudflare:workers", `--outfile=${out}`];
    execFileSync(join(PACKAGES, ".bin", "esbuild"), [join("tests", "edge", "sabotage", `${name}.js`), ...options], {
      cwd: ROOT,
      env: { ...process.env, NODE_PATH: PACKAGES },
      stdio: ["ignore", "ignore", "inherit"],
    });
    return readFileSync(out, "utf-8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The scenario's verdict on a gate that is sabotaged so. */
async function verdict(name, scenario) {
  const contents = bundled(name);
  const changed = (made) =>
    made.map((worker) => (worker.name.endsWith("-sessions") ? { ...worker, modules: [{ ...worker.modules[0], contents }] } : worker));
  const { edge, world, caps, close } = await underTest({ changed });
  try {
    return await scenario(edge, world, { plan: "starter", cap: caps.plans.starter.cap, vertical: "salon", clients: 500, rounds: 3 });
  } finally {
    await close();
  }
}

const FAULTS = [
  ["await_between", race, /came in to|were under way/, "an await between count and insert lets too many in"],
  ["expiry_ignored", abandoned, /places that are held|leases had expired/, "with expiry ignored, places of the dead stay taken"],
  ["in_memory", restart, /came back|were under way/, "counts in memory are forgotten in a crash"],
];
for (const [name, scenario, message, title] of FAULTS) {
  test(title, () => assert.rejects(verdict(name, scenario), { name: "AssertionError", message }));
}
