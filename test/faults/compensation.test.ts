import { describe, expect, it } from "vitest";
import type { AcquireOptions } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { StoredLock, THIEF, fenceCounter } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();
const ONCE: AcquireOptions = { retry: { maxRetries: 0 } };

/** How often a script was sent to the front. */
function sent({ session }: Rest, script: string): number {
  return session.counters.byScript[script] ?? 0;
}

async function reasonOf(acquiring: Promise<unknown>): Promise<string> {
  return acquiring.then(
    () => expect.fail("acquired"),
    (error: unknown) => {
      expect(error).toMatchObject({ code: "LOCK_ACQUISITION" });
      return (error as { reason: string }).reason;
    },
  );
}

describe("R11 an acquire with an unknown send that does not succeed is compensated:", () => {
  it("R11 when the next send is refused (held)", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    await stored.steal();
    rest.session.faults.add({ kind: "drop-request", script: "acquire", times: 1 });
    expect(await reasonOf(rest.locks().acquire("a", ONCE))).toBe("held");
    await Promise.all(rest.pledges);
    expect([sent(rest, "acquire"), sent(rest, "release")]).toEqual([2, 1]);
    expect(await stored.record()).toMatchObject({ processHash: THIEF });
    await stored.vanish();
  });

  it("R11 even when tryAcquire resolves to null", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    await stored.steal();
    rest.session.faults.add({ kind: "null-result", script: "acquire", times: 1 });
    expect(await rest.locks().tryAcquire("a")).toBeNull();
    await Promise.all(rest.pledges);
    expect(sent(rest, "release")).toBe(1);
    await stored.vanish();
  });

  it("R11 when the retries are exhausted (timeout), however long ago the send was", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    await stored.steal();
    rest.session.faults.add({ kind: "drop-request", script: "acquire", times: 1 });
    const retry = { maxRetries: 2, initialDelay: 5 };
    expect(await reasonOf(rest.locks().acquire("a", { retry }))).toBe("timeout");
    await Promise.all(rest.pledges);
    expect([sent(rest, "acquire"), sent(rest, "release")]).toEqual([4, 1]);
    await stored.vanish();
  });

  it("R11 when it is aborted while the send is in flight", async () => {
    const rest = rests.open();
    const controller = new AbortController();
    rest.session.faults.add({ kind: "hang", script: "acquire", apply: true });
    const acquiring = rest.locks().acquire("a", { signal: controller.signal });
    const reason = reasonOf(acquiring);
    const stored = new StoredLock(rest, "a");
    await eventually("Redis has it", async () => (await stored.pttl()) > 0);
    controller.abort();
    expect(await reason).toBe("aborted");
    rest.session.disconnect();
    await Promise.all(rest.pledges);
    expect(sent(rest, "release")).toBe(1);
    expect(await stored.record()).toBeNull();
  });

  it("R11 when it is aborted while it waits for a held lock, after an unknown send", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    await stored.steal();
    rest.session.faults.add({ kind: "drop-request", script: "acquire", times: 1 });
    const controller = new AbortController();
    const locks = rest.locks({ retry: { initialDelay: 60_000, maxDelay: 60_000 } });
    const busy = new Promise((resolve) => void locks.events.subscribe(resolve));
    const reason = reasonOf(locks.acquire("a", { signal: controller.signal }));
    await busy;
    controller.abort();
    expect(await reason).toBe("aborted");
    await Promise.all(rest.pledges);
    expect(sent(rest, "release")).toBe(1);
    await stored.vanish();
  });

  it("R11 when no send is answered (error), and nothing of it is left in Redis", async () => {
    const rest = rests.open();
    rest.session.faults.add({ kind: "drop-response", script: "acquire" });
    expect(await reasonOf(rest.locks().acquire("a", ONCE))).toBe("error");
    await Promise.all(rest.pledges);
    expect(sent(rest, "release")).toBe(1);
    expect(await new StoredLock(rest, "a").record()).toBeNull();
  });

  it("R11 until the release is confirmed, even if its answers are lost as well", async () => {
    const rest = rests.open();
    rest.session.faults.add({ kind: "drop-response", script: "acquire" });
    rest.session.faults.add({ kind: "drop-request", script: "release", times: 2 });
    expect(await reasonOf(rest.locks().acquire("a", ONCE))).toBe("error");
    await Promise.all(rest.pledges);
    expect(sent(rest, "release")).toBe(3);
    expect(await rest.locks().isLocked("a")).toBe(false);
  });
});

it("R11 an acquire that was answered sends no compensating release", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const lock = await locks.acquire("a");
  expect(await locks.tryAcquire("a")).toBeNull();
  expect(await reasonOf(locks.acquire("a", ONCE))).toBe("held");
  expect(sent(rest, "release")).toBe(0);
  await lock.release();
  expect(sent(rest, "release")).toBe(1);
});

it.each([0, 5])("R11 the same token is sent again at most twice, with maxRetries %d", async (n) => {
  const rest = rests.open();
  rest.session.faults.add({ kind: "drop-request", script: "acquire" });
  const acquiring = rest.locks().acquire("a", { retry: { maxRetries: n, initialDelay: 1 } });
  expect(await reasonOf(acquiring)).toBe("error");
  expect(sent(rest, "acquire")).toBe(3);
});

it("R11 an abort in the pause before a retry sends nothing more but the release", async () => {
  const rest = rests.open();
  rest.session.faults.add({ kind: "drop-request", script: "acquire" });
  const controller = new AbortController();
  const clock = new ManualRuntime();
  const locks = rest.locks({ runtime: clock });
  const reason = reasonOf(locks.acquire("a", { signal: controller.signal }));
  await eventually("it pauses", () => clock.sleeping.join() === "100");
  controller.abort();
  expect(await reason).toBe("aborted");
  await Promise.all(rest.pledges);
  expect(sent(rest, "acquire")).toBe(1);
});

describe("R11 an acquire delivered after its caller has given up", () => {
  it("R11 creates nothing, and draws no fence", async () => {
    const rest = rests.open();
    const { opened, open } = gate();
    rest.session.faults.add({ kind: "hold-late", script: "acquire", until: opened });
    const locks = rest.locks();
    expect(await reasonOf(locks.acquire("a", ONCE))).toBe("error");
    await Promise.all(rest.pledges);
    const fence = await fenceCounter(rest);
    open();
    await rest.session.settled();
    expect(await rest.command("KEYS", `${rest.prefix}*`)).not.toContain(`${rest.prefix}lock:a`);
    expect(await rest.command("KEYS", `${rest.prefix}proc:*`)).toEqual([]);
    expect(await fenceCounter(rest)).toBe(fence);
    expect(await locks.isLocked("a")).toBe(false);
  });

  it("R11 does not disturb a later holder's lock", async () => {
    const rest = rests.open();
    const { opened, open } = gate();
    const { session } = rest;
    const late = session.faults.add({ kind: "hold-late", script: "acquire", until: opened });
    const locks = rest.locks();
    expect(await reasonOf(locks.acquire(["a", "b"], ONCE))).toBe("error");
    late();
    const lock = await locks.acquire("a");
    open();
    await session.settled();
    expect(await lock.isHeld()).toBe(true);
    expect(await locks.isLocked("b")).toBe(false);
    await lock.release();
  });

  it("R11 leaves nothing even if it arrives before its compensation", async () => {
    const rest = rests.open();
    const { opened, open } = gate();
    const { session } = rest;
    session.faults.add({ kind: "hold-late", script: "acquire", until: opened });
    session.faults.add({ kind: "delay-request", script: "release", until: session.settled() });
    expect(await reasonOf(rest.locks().acquire("a", ONCE))).toBe("error");
    open();
    await session.settled();
    await Promise.all(rest.pledges);
    expect(await new StoredLock(rest, "a").record()).toBeNull();
  });
});

it("R11 a renewal delivered after the release does not resurrect the lock", async () => {
  const rest = rests.open();
  const { opened, open } = gate();
  const late = rest.session.faults.add({ kind: "hold-late", script: "renew", until: opened });
  const locks = rest.locks();
  const lock = await locks.acquire("a");
  await expect(lock.extend(60_000)).rejects.toMatchObject({ code: "LOCK_EXTENSION" });
  late();
  await lock.release();
  open();
  await rest.session.settled();
  expect(await new StoredLock(rest, "a").record()).toBeNull();
});

it("R11 a release delivered very late does not touch a successor's lock", async () => {
  const rest = rests.open();
  const { opened, open } = gate();
  rest.session.faults.add({ kind: "hold-late", script: "release", until: opened, times: 1 });
  const locks = rest.locks();
  await locks.withLock("a", () => undefined);
  const successor = await locks.acquire("a");
  open();
  await rest.session.settled();
  expect(await successor.isHeld()).toBe(true);
  await successor.release();
});
