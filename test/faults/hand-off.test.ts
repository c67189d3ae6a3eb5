import { describe, expect, it } from "vitest";
import type { FaultSpec } from "../../dev/rest/faults.ts";
import { isHeldByAnother } from "../../src/index.ts";
import { StoredLock, fenceCounter } from "../support/fault-keys.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

/** Everything that can happen to one request and its answer, applied or not. */
const FAULTS: readonly (readonly [string, FaultSpec])[] = [
  ["a lost request", { kind: "drop-request" }],
  ["a lost answer", { kind: "drop-response" }],
  ["a truncated answer", { kind: "cut-body" }],
  ["a proxy's error page after the command was applied", { kind: "error-html", apply: true }],
  ["a proxy's error page instead", { kind: "error-html" }],
  ["an error 500 after the command was applied", { kind: "error-json", apply: true }],
  ["a null after the command was applied", { kind: "null-result", apply: true }],
  ["a command applied twice", { kind: "duplicate", reply: "second" }],
  ["a copy that comes later", { kind: "duplicate", ms: 30 }],
];

describe.each([["one key", ["a"]] as const, ["several keys", ["a", "b"]] as const])(
  "R11 an attach of %s:",
  (_, keys) => {
    it.each(FAULTS)("%s leaves one holder, under exactly one fence", async (_name, fault) => {
      const rest = rests.open();
      const old = await rest.locks().acquire(keys);
      const handOff = old.detach();
      const fence = (await fenceCounter(rest)) + 1;
      rest.session.faults.add({ ...fault, script: "acquire", times: 1 });
      const lock = await rest.locks().attach(handOff);
      expect(lock.fence).toBe(fence);
      await rest.session.settled();
      expect(await fenceCounter(rest)).toBe(fence);
      expect(await new StoredLock(rest, "a").record()).toMatchObject({
        ownerHash: lock.token,
        fence,
      });
      await expect(rest.locks().attach(handOff)).rejects.toSatisfy(isHeldByAnother);
      expect(await lock.isHeld()).toBe(true);
      await lock.release();
      await expect(rest.locks().attach(handOff)).rejects.toMatchObject({ code: "LOCK_LOST" });
    });
  },
);

it("R11 an attach that never got an answer is rolled back: the key is free, and the string used up", async () => {
  const rest = rests.open();
  const handOff = (await rest.locks().acquire("a")).detach();
  rest.session.faults.add({ kind: "drop-response", script: "acquire", times: 3 });
  await expect(rest.locks().attach(handOff)).rejects.toMatchObject({ reason: "error" });
  await Promise.all(rest.pledges);
  expect(await rest.locks().isLocked("a")).toBe(false);
  await expect(rest.locks().attach(handOff)).rejects.toMatchObject({ code: "LOCK_LOST" });
});

it("R11 an attach that never arrived leaves the lock for the next one", async () => {
  const rest = rests.open();
  const handOff = (await rest.locks().acquire("a")).detach();
  rest.session.faults.add({ kind: "drop-request", script: "acquire", times: 3 });
  await expect(rest.locks().attach(handOff)).rejects.toMatchObject({ reason: "error" });
  await Promise.all(rest.pledges);
  await (await rest.locks().attach(handOff)).release();
});

it("R4 an attach that arrives after its call has given up takes nothing", async () => {
  const rest = rests.open();
  const handOff = (await rest.locks().acquire("a")).detach();
  const impatient = rest.locks({ database: rest.database({ requestTimeout: 100 }) });
  rest.session.faults.add({ kind: "delay-request", script: "acquire", ms: 400, times: 3 });
  await expect(impatient.attach(handOff)).rejects.toMatchObject({ reason: "error" });
  await Promise.all(rest.pledges);
  const lock = await rest.locks().attach(handOff);
  await rest.session.settled();
  expect(await lock.isHeld()).toBe(true);
  await lock.release();
});

it("R4 a renewal and a release of the detached lock, delivered late, change nothing", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const old = await locks.acquire("a");
  rest.session.faults.add({ kind: "delay-request", script: "renew", ms: 200, times: 1 });
  const late = old.extend(200_000).catch((error: unknown) => error);
  const lock = await locks.attach(old.detach());
  expect(await late).toMatchObject({ code: "LOCK_EXTENSION" });
  await rest.session.settled();
  expect(await lock.isHeld()).toBe(true);
  expect(await new StoredLock(rest, "a").record()).toMatchObject({ ownerHash: lock.token });
  await lock.release();
});

it("an attach costs one request", async () => {
  const rest = rests.open();
  const handOff = (await rest.locks().acquire(["a", "b"])).detach();
  const before = rest.session.counters.requests;
  const lock = await rest.locks().attach(handOff);
  expect(rest.session.counters.requests - before).toBe(1);
  await lock.release();
});

describe("O2 a job that is handed off:", () => {
  it.each(FAULTS)("%s on its way to the consumer leaves one run, remembered", async (_, fault) => {
    const rest = rests.open();
    let handOff = "";
    await rest.locks().once("job", (lock) => void (handOff = lock.detach()));
    let runs = 0;
    rest.session.faults.add({ ...fault, script: "admit", times: 1 });
    const consume = () => rest.locks().once("job", () => (runs += 1), { attach: handOff });
    expect(await consume()).toEqual({ status: "ran", result: 1, remembered: "result" });
    await rest.session.settled();
    expect(await consume()).toMatchObject({ status: "remembered", result: 1 });
    expect(await rest.locks().isLocked("once:job")).toBe(false);
    expect(runs).toBe(1);
  });
});
