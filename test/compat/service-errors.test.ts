import { describe, expect, it, vi } from "vitest";
import {
  LockAcquisitionError,
  LockExtensionError,
  LockNotOwnedError,
  type ILock,
  type ILockService,
} from "../../src/nestjs/index.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { useRest } from "../support/rest.ts";

// The code of the lock service's document, section "Error Handling". Only the surroundings are ours.

const rests = useRest();

/** Runs the document's code; returns what it reported. */
async function handle(
  lockService: ILockService,
  doWork: (lock: ILock) => Promise<void>,
): Promise<unknown[]> {
  const said: unknown[] = [];
  const spy = vi.spyOn(console, "error").mockImplementation((...args: unknown[]) => {
    said.push(...args);
  });

  try {
    const lock = await lockService.acquire("resource");
    try {
      await doWork(lock);
    } finally {
      await lock.release();
    }
  } catch (error) {
    if (error instanceof LockAcquisitionError) {
      // Could not acquire lock after all retries
      console.error("Lock busy:", error.lockKey, error.reason);
    } else if (error instanceof LockNotOwnedError) {
      // Tried to release a lock not owned by this token
      console.error("Token mismatch:", error.token);
    } else if (error instanceof LockExtensionError) {
      // Failed to extend lock TTL
      console.error("Extension failed:", error.lockKey);
    }
  }

  spy.mockRestore();
  return said;
}

describe("the lock service's errors, told apart by class", () => {
  it("nothing is reported when nothing fails", async () => {
    expect(await handle(rests.open().locks(), async () => {})).toEqual([]);
  });

  it("LockAcquisitionError: the lock stayed busy after all retries", async () => {
    const rest = rests.open();
    const other = await rest.locks().acquire("resource");
    const said = await handle(rest.locks({ retry: { maxRetries: 1 } }), async () => {});
    expect(said).toEqual(["Lock busy:", "resource", "timeout"]);
    await other.release();
  });

  it("LockNotOwnedError: another holds the lock when it is released", async () => {
    const rest = rests.open();
    let token = "";
    const said = await handle(rest.locks(), async (lock) => {
      token = lock.token;
      await new StoredLock(rest, "resource").steal();
    });
    expect(said).toEqual(["Token mismatch:", token]);
    expect(await rest.locks().isLocked("resource")).toBe(true);
    await new StoredLock(rest, "resource").vanish();
  });

  it("LockExtensionError: a lock whose extension was not answered is still released", async () => {
    const rest = rests.open();
    rest.session.faults.add({ kind: "drop-request", script: "renew" });
    const said = await handle(rest.locks(), (lock) => lock.extend(60_000));
    expect(said).toEqual(["Extension failed:", "resource"]);
    expect(await rest.locks().isLocked("resource")).toBe(false);
  });
});
