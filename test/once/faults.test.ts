import { describe, expect, it } from "vitest";
import { REQUEST_FAULTS } from "../support/request-faults.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

describe.each(["admit", "complete"])("O2 a fault of %s:", (script) => {
  it.each(REQUEST_FAULTS)("%s leaves one run, remembered, and no lock", async (_, fault) => {
    const rest = rests.open();
    let runs = 0;
    rest.session.faults.add({ ...fault, script, times: 1 });
    const ran = await rest.locks().once("job", () => (runs += 1));
    expect(ran).toEqual({ status: "ran", result: 1, remembered: "result" });
    expect(await rest.locks().isLocked("once:job")).toBe(false);
    const again = await rest.locks().once("job", () => (runs += 1));
    expect(again).toMatchObject({ status: "remembered", result: 1 });
    expect(runs).toBe(1);
  });
});

it("O2 a completion whose every answer is lost is told as unknown, and remembered", async () => {
  const rest = rests.open();
  rest.session.faults.add({ kind: "drop-response", script: "complete", times: 2 });
  const ran = await rest.locks().once("job", () => 1);
  expect(ran).toEqual({ status: "ran", result: 1, remembered: "unknown" });
  await Promise.all(rest.pledges);
  expect(await rest.locks().recall("job")).toMatchObject({ result: 1 });
});

it("O3 a process that dies between its work and its completion is run again after the TTL", async () => {
  const rest = rests.open();
  let runs = 0;
  const crashed = rest.locks({ waitUntil: undefined }).once(
    "job",
    async () => {
      runs += 1;
      // What a crash leaves behind, once its TTL has passed.
      await rest.command("DEL", `${rest.prefix}lock:once:job`);
      rest.session.faults.add({ kind: "drop-request", script: "complete", times: 1 });
    },
    { autoRenew: false },
  );
  await expect(crashed).rejects.toMatchObject({ code: "LOCK_LOST" });
  expect(await rest.locks().once("job", () => (runs += 1))).toMatchObject({ status: "ran" });
  expect(runs).toBe(2);
});

it("O2 a run whose renewals fail until its TTL has passed leaves its successor's result alone", async () => {
  const [rest, other] = [rests.open(), rests.open()];
  rest.session.faults.add({ kind: "error-json", script: "renew" });
  const successor = other.locks({ database: other.database({ prefix: rest.prefix }) });
  let signal: AbortSignal | undefined;
  const stale = rest.locks().once(
    "job",
    async (lock) => {
      ({ signal } = lock);
      const joined = successor.once("job", () => "successor", { ifRunning: "join" });
      expect(await joined).toEqual({ status: "ran", result: "successor", remembered: "result" });
      return "stale";
    },
    { ttl: 800 },
  );
  await expect(stale).rejects.toMatchObject({ code: "LOCK_LOST", result: "stale" });
  expect(signal?.aborted).toBe(true);
  expect(await rest.locks().recall("job")).toMatchObject({ result: "successor" });
});
