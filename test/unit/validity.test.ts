import { describe, expect, it } from "vitest";
import { elapsed } from "../../src/runtime.ts";
import { Validity } from "../../src/lease/validity.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

const at = (wall: number, monotonic = wall): { wall: number; monotonic: number } => ({
  wall,
  monotonic,
});

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

describe("validity", () => {
  it("counts from before the request left, however late the answer came", () => {
    const validity = new Validity(at(0), 10_000, 10_000);
    expect(validity.remaining(at(9_000))).toBe(800);
  });

  it.each([
    { ttl: 10_000, margin: 200, why: "2 % of a long TTL" },
    { ttl: 100_000, margin: 2_000, why: "2 % of a very long TTL" },
    { ttl: 500, margin: 20, why: "at least 20 ms of a short TTL" },
    { ttl: 100, margin: 20, why: "at least 20 ms of the shortest TTL" },
  ])("does not rely on $why", ({ ttl, margin }) => {
    const validity = new Validity(at(0), ttl, ttl);
    expect(validity.remaining(at(0))).toBe(ttl - margin);
    expect(validity.remaining(at(ttl - margin))).toBe(0);
  });

  it("ends with the liveness TTL when that is the shorter", () => {
    expect(new Validity(at(0), 60_000, 10_000).remaining(at(0))).toBe(9_800);
  });

  it("ends with the lock TTL when that is the shorter", () => {
    expect(new Validity(at(0), 10_000, 60_000).remaining(at(0))).toBe(9_800);
  });

  it("goes on from a later proof", () => {
    const validity = new Validity(at(0), 10_000, 10_000);
    validity.prove(at(5_000), 10_000, 10_000, at(5_100));
    expect(validity.remaining(at(5_100))).toBe(9_700);
  });

  it("is not shortened by a proof that ends earlier or was delivered late", () => {
    const validity = new Validity(at(0), 60_000, 60_000);
    validity.prove(at(1_000), 1_000, 1_000, at(1_000));
    validity.prove(at(0), 30_000, 30_000, at(2_000));
    expect(validity.remaining(at(2_000))).toBe(56_800);
  });

  it("is not lengthened by a proof of only one of the two TTLs", () => {
    const validity = new Validity(at(0), 10_000, 10_000);
    validity.prove(at(5_000), 60_000, 0, at(5_000));
    expect(validity.remaining(at(5_000))).toBe(4_800);
    validity.prove(at(5_000), 0, 60_000, at(5_000));
    expect(validity.remaining(at(5_000))).toBe(58_800);
  });

  it("ends on time although the wall clock is set back an hour", () => {
    const validity = new Validity(at(3_600_000, 0), 10_000, 10_000);
    expect(validity.remaining(at(0, 9_801))).toBeLessThan(0);
  });

  it("is over after a suspend that stopped the monotonic clock", () => {
    const validity = new Validity(at(0, 0), 10_000, 10_000);
    expect(validity.remaining(at(3_600_000, 5))).toBeLessThan(0);
  });

  it("names as expiry the earlier TTL, without the margin, on the wall clock of now", () => {
    const clock = new ManualRuntime();
    const validity = new Validity(clock.now(), 60_000, 10_000);
    const start = clock.wall;
    expect(validity.expiresAt(clock.now()).getTime()).toBe(start + 10_000);
    clock.wall -= 3_600_000;
    expect(validity.expiresAt(clock.now()).getTime()).toBe(clock.wall + 10_000);
  });
});
