// Exactly as many as the plan has places, under a race, after expiry and across a crash.
import { test } from "node:test";
import { abandoned, expiry, interrupted, race, restart } from "./scenarios.mjs";
import { forThisFile } from "./under_test.mjs";

const rounds = Number(process.env.ROUNDS);
// workerd uses one processor: two of them, each with gates of its own, halve the time that the rounds take.
const [{ edge, world, caps }, beside] = [await forThisFile(), await forThisFile()];
const { cap } = caps.plans.starter;
const setting = { plan: "starter", cap, vertical: "salon" };

test(`500 clients race for ${cap} places, ${rounds} times: exactly ${cap} are in each time, and all are free afterwards`, () =>
  Promise.all([
    race(edge, world, { ...setting, clients: 500, rounds: Math.ceil(rounds / 2) }),
    race(beside.edge, beside.world, { ...setting, clients: 500, rounds: Math.floor(rounds / 2) }),
  ]));

test("after a crash every call that had a place comes back to it, and nobody else gets in", () => restart(edge, world, setting));

test("a crash in the middle of a race takes no place from who was told that it is in, and loses none", () => interrupted(edge, world, setting));

test("after an outage longer than a lease the places are free, and calls that had them do not go on", () => expiry(edge, world, setting));

test("places of sessions that died without a word are held until their leases are over, and free then", () => abandoned(edge, world, setting));
