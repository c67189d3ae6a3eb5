import { describe, expect, it } from "vitest";
import { elapsed, type Instant } from "../../src/runtime.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { Lease } from "../../src/lease/lease.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

const at = (wall: number, monotonic = wall): Instant => ({
  wall,
  monotonic,
});

/** Granted with both TTLs by a request sent at `since`. */
function granted(since: Instant, ttlMs: number, livenessMs: number): Lease {
  const runtime = new ManualRuntime();
  const database = new MemoryDatabase({ runtime });
  const context = { database, runtime, waitUntil: undefined, keyPrefix: "", emit: () => {} };
  const keeper = { context, renew: async () => {}, reschedule: () => {}, remove: () => {} };
  const owner = { ownerHash: "a@b/1.1.0", processHash: "b/1.1", trace: undefined };
  return new Lease(keeper, {
    keys: ["a"],
    claims: [{ key: "a", lockData: database.createLockData(owner) }],
    fence: 1,
    times: { ttlMs, livenessMs },
    since,
    trace: undefined,
    renewal: { enabled: false, onlyLiveness: false, intervalMs: 1_000, maxHoldMs: 1_000 },
    deadline: undefined,
  });
}

describe("elapsed time", () => {
  it("is what the monotonic clock says when the wall clock jumps back", () => {
    expect(elapsed(at(50_000, 0), at(1_000, 700))).toBe(700);
  });

  it("is what the wall clock says when the monotonic clock stood still in suspend", () => {
    expect(elapsed(at(50_000, 10), at(59_000, 11))).toBe(9_000);
  });

  it("is never negative", () => {
    expect(elapsed(at(50_000, 20), at(49_000, 10))).toBe(0);
  });
});

describe("a lease can be relied on: its validity", () => {
  it("counts from before the request was sent, however late the answer arrives", () => {
    const lease = granted(at(0), 10_000, 10_000);
    expect(lease.remainingMs(at(9_000))).toBe(800);
  });

  it.each([
    { ttl: 10_000, margin: 200, why: "2 % of a long TTL" },
    { ttl: 100_000, margin: 2_000, why: "2 % of a very long TTL" },
    { ttl: 500, margin: 20, why: "at least 20 ms of a short TTL" },
    { ttl: 100, margin: 20, why: "at least 20 ms of the shortest TTL" },
  ])("does not rely on $why", ({ ttl, margin }) => {
    const lease = granted(at(0), ttl, ttl);
    expect(lease.remainingMs(at(0))).toBe(ttl - margin);
    expect(lease.remainingMs(at(ttl - margin))).toBe(0);
  });

  it("ends with the liveness TTL when that is the shorter", () => {
    expect(granted(at(0), 60_000, 10_000).remainingMs(at(0))).toBe(9_800);
  });

  it("ends with the lock TTL when that is the shorter", () => {
    expect(granted(at(0), 10_000, 60_000).remainingMs(at(0))).toBe(9_800);
  });

  it("is extended by a later proof", () => {
    const lease = granted(at(0), 10_000, 10_000);
    lease.confirm({ ttlMs: 10_000, livenessMs: 10_000 }, at(5_000), at(5_100));
    expect(lease.remainingMs(at(5_100))).toBe(9_700);
  });

  it("is not shortened by a proof that expires earlier or was delivered late", () => {
    const lease = granted(at(0), 60_000, 60_000);
    lease.confirm({ ttlMs: 1_000, livenessMs: 1_000 }, at(1_000), at(1_000));
    lease.confirm({ ttlMs: 30_000, livenessMs: 30_000 }, at(0), at(2_000));
    expect(lease.remainingMs(at(2_000))).toBe(56_800);
  });

  it("is not lengthened by a proof of only one of the two TTLs", () => {
    const lease = granted(at(0), 10_000, 10_000);
    lease.confirm({ ttlMs: 60_000, livenessMs: 0 }, at(5_000), at(5_000));
    expect(lease.remainingMs(at(5_000))).toBe(4_800);
    lease.confirm({ ttlMs: 0, livenessMs: 60_000 }, at(5_000), at(5_000));
    expect(lease.remainingMs(at(5_000))).toBe(58_800);
  });

  it("ends on time even if the wall clock is set back an hour", () => {
    const lease = granted(at(3_600_000, 0), 10_000, 10_000);
    expect(lease.remainingMs(at(0, 9_801))).toBeLessThan(0);
  });

  it("is over after a suspend that stopped the monotonic clock", () => {
    const lease = granted(at(0, 0), 10_000, 10_000);
    expect(lease.remainingMs(at(3_600_000, 5))).toBeLessThan(0);
  });

  it("reports the end of the shorter TTL as expiry, without the margin, by the current wall clock", () => {
    const clock = new ManualRuntime();
    const lease = granted(clock.now(), 60_000, 10_000);
    const start = clock.wall;
    expect(lease.expiresAt(clock.now()).getTime()).toBe(start + 10_000);
    clock.wall -= 3_600_000;
    expect(lease.expiresAt(clock.now()).getTime()).toBe(clock.wall + 10_000);
  });
});
