import { expect, it } from "vitest";
import { LockNotOwnedError, LockReleaseUnknownError, type LockEvent } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { StoredLock, THIEF } from "../support/fault-keys.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

it("a released lock is gone from Redis at once, with its process record", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const lock = await locks.acquire("a");
  await lock.release();
  expect(await rest.command("EXISTS", new StoredLock(rest, "a").name)).toBe(0);
  expect(await rest.command("KEYS", `${rest.prefix}proc:*`)).toEqual([]);
  await locks.withLock("a", () => undefined);
});

it("releasing twice, even concurrently, sends one release", async () => {
  const rest = rests.open();
  const lock = await rest.locks().acquire("a");
  await Promise.all([lock.release(), lock.release(), lock[Symbol.asyncDispose]()]);
  await lock.release();
  expect(rest.session.counters.byScript["release"]).toBe(1);
});

it("a second release does not touch a successor's lock", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const lock = await locks.acquire("a");
  await lock.release();
  const successor = await locks.acquire("a");
  await lock.release();
  expect(await successor.isHeld()).toBe(true);
  await successor.release();
});

it("release of a stolen lock says so every time, and leaves the thief's lock alone", async () => {
  const rest = rests.open();
  const stored = new StoredLock(rest, "a");
  const lock = await rest.locks().acquire("a");
  await stored.steal();
  for (const release of [lock.release(), lock.release()]) {
    const error: unknown = await release.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LockNotOwnedError);
    expect(error).toMatchObject({ token: lock.token, lockKey: "a" });
    expect(String(error)).not.toContain(THIEF);
  }
  await expect(lock.release()).rejects.toThrow(LockNotOwnedError);
  expect(await stored.record()).toMatchObject({ processHash: THIEF });
  await stored.vanish();
});

it("release of a lock that has vanished rejects as not owned", async () => {
  const rest = rests.open();
  const stored = new StoredLock(rest, "a");
  const lock = await rest.locks().acquire("a");
  await stored.vanish();
  await expect(lock.release()).rejects.toThrow(LockNotOwnedError);
});

it("asyncDispose never throws, and a failed release is reported as an event", async () => {
  const rest = rests.open();
  const stored = new StoredLock(rest, "a");
  const locks = rest.locks();
  const events: LockEvent[] = [];
  locks.events.subscribe((event) => events.push(event));
  const lock = await locks.acquire("a");
  await stored.steal();
  await lock[Symbol.asyncDispose]();
  expect(events.at(-1)).toMatchObject({
    type: "releaseFailed",
    keys: ["a"],
    error: { code: "LOCK_NOT_OWNED" },
  });
  await stored.vanish();
});

it("asyncDispose does not throw without an answer either", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const lock = await locks.acquire("a");
  const heal = rest.session.faults.add({ kind: "drop-request", script: "release" });
  await lock[Symbol.asyncDispose]();
  heal();
  await lock.release();
  expect(await locks.isLocked("a")).toBe(false);
});

it("release without an answer rejects after two sends, and is retried in the background until confirmed", async () => {
  const rest = rests.open();
  const stored = new StoredLock(rest, "a");
  const locks = rest.locks();
  const events: LockEvent[] = [];
  locks.events.subscribe((event) => events.push(event));
  const lock = await locks.acquire("a");
  const heal = rest.session.faults.add({ kind: "drop-request", script: "release" });
  const error: unknown = await lock.release().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LockReleaseUnknownError);
  expect(error).toMatchObject({ lockKey: "a", cause: { code: "LOCK_DATABASE" } });
  expect(rest.session.counters.byScript["release"]).toBe(2);
  expect(lock.isAutoRenewing).toBe(false);
  expect(await lock.isHeld()).toBe(false);
  expect(await stored.record()).toMatchObject({ ownerHash: lock.token });
  heal();
  await eventually("the background has released", async () => (await stored.record()) === null);
  await Promise.all(rest.pledges);
  expect(events.filter(({ type }) => type === "releaseFailed").length).toBeGreaterThanOrEqual(2);
});

it("release may be called again after an unknown outcome: it joins the one in progress", async () => {
  const rest = rests.open();
  const lock = await rest.locks().acquire("a");
  const heal = rest.session.faults.add({ kind: "drop-request", script: "release" });
  await expect(lock.release()).rejects.toThrow(LockReleaseUnknownError);
  await expect(lock.release()).rejects.toThrow(LockReleaseUnknownError);
  heal();
  await lock.release();
  await lock.release();
  expect(await rest.locks().isLocked("a")).toBe(false);
});

it("release that Redis permanently refuses rejects, and can be called again later", async () => {
  const rest = rests.open();
  const lock = await rest.locks().acquire("a");
  const error = "NOPERM this user has no permissions to run the 'eval' command";
  const heal = rest.session.faults.add({
    kind: "error-json",
    script: "release",
    status: 400,
    error,
  });
  await expect(lock.release()).rejects.toThrow(LockReleaseUnknownError);
  expect(rest.session.counters.byScript["release"]).toBe(1);
  heal();
  await lock.release();
  expect(await rest.locks().isLocked("a")).toBe(false);
});

it("release does not depend on the request's signal, nor on the call's", async () => {
  const rest = rests.open();
  const controller = new AbortController();
  const { signal } = controller;
  const locks = rest.locks().forRequest({ signal });
  const lock = await locks.acquire("a", { signal });
  controller.abort();
  expect(lock.signal.aborted).toBe(false);
  expect(await lock.isHeld()).toBe(true);
  await lock.release();
  expect(await locks.isLocked("a")).toBe(false);
});
