// The edge that a test file is about: what ACCOUNT holds, with a world behind it, for as long as the file runs.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { openEdge } from "../parts/edge/edge.mjs";
import { openWorld } from "./world.mjs";

export async function underTest(options = {}) {
  const persist = mkdtempSync(join(tmpdir(), "edge-"));
  const world = await openWorld();
  const edge = await openEdge(process.env.ACCOUNT, world.url, persist, options);
  const caps = await edge.caps();
  // Races start more calls a second than any plan sells; apart.test.mjs is about starts.
  for (const plan of Object.values(caps.plans)) plan.starts = { perSecond: 100_000, burst: 100_000 };
  await edge.putCaps(caps);
  const close = async () => {
    await edge.close();
    world.close();
    rmSync(persist, { recursive: true, force: true });
  };
  return { edge, world, caps, close };
}

/** The same, closed once the file's tests are done. */
export async function forThisFile(options) {
  const made = await underTest(options);
  after(made.close);
  return made;
}
