import { describe, expect, it } from "vitest";
import type { LockService } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

/** Calls that are refused; their last request will be delivered again. */
const REFUSED: readonly (readonly [string, (locks: LockService) => Promise<unknown>])[] = [
  ["acquire without retries", (locks) => locks.acquire("a", { retry: { maxRetries: 0 } })],
  ["tryAcquire", (locks) => locks.tryAcquire("a")],
  [
    "acquire aborted while it waits",
    (locks) => {
      const controller = new AbortController();
      locks.events.subscribe(({ type }) => {
        if (type === "busy") controller.abort();
      });
      return locks.acquire("a", { waitTimeout: 20_000, signal: controller.signal });
    },
  ],
];

describe("a refused acquire that is delivered again once the key is free", () => {
  it.each(REFUSED)("creates nothing: %s", async (_, ask) => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    await stored.steal();
    const { opened, open } = gate();
    rest.session.faults.add({ kind: "duplicate", script: "acquire", times: 1, until: opened });
    expect(await ask(rest.locks({ defaultTtl: 5_000 })).catch(() => null)).toBeNull();
    await Promise.all(rest.pledges);
    await stored.vanish();
    open();
    await rest.session.settled();
    await eventually("the duplicate is applied", () => rest.session.counters.applied >= 2);
    expect(await stored.pttl()).toBe(-2);
  });
});
