import { describe, expect, it } from "vitest";
import type { OnceOptions } from "../../src/index.ts";
import { LockService } from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";

const locks = new LockService({ database: new MemoryDatabase() });
let runs = 0;
const work = (): number => (runs += 1);

describe("bad input is an error that names the option, and nothing runs", () => {
  it.each<[string, Record<string, unknown>]>([
    ["ifRunning", { ifRunning: "wait" }],
    ["remember", { remember: -1 }],
    ["remember", { remember: 0 }],
    ["remember", { remember: 1.5 }],
    ["remember", { remember: 367 * 86_400_000 }],
    ["maxResultBytes", { maxResultBytes: -1 }],
    ["fingerprint", { fingerprint: "" }],
    ["fingerprint", { fingerprint: 1 }],
    ["codec", { codec: null }],
    ["codec.decode", { codec: { encode: String } }],
    ["waitTimeout", { waitTimeout: 100 }],
    ["waitTimeout", { waitTimeout: 100, ifRunning: "throw" }],
    ["retry", { retry: { maxRetries: 1 } }],
    ["ttl", { ttl: 1 }],
    ["rememberMs", { rememberMs: 1 }],
  ])("%s: %o", async (option, options) => {
    const call = locks.once("job", work, options as OnceOptions<number>);
    await expect(call).rejects.toMatchObject({ code: "LOCK_CONFIGURATION", option });
    expect(runs).toBe(0);
  });

  it.each(["", "x".repeat(1_001), "\0", "\ud800"])("key: %j", async (key) => {
    await expect(locks.once(key, work)).rejects.toMatchObject({ option: "key" });
    await expect(locks.recall(key)).rejects.toMatchObject({ option: "key" });
    await expect(locks.forget(key)).rejects.toMatchObject({ option: "key" });
    expect(runs).toBe(0);
  });

  it("a lock that is called as the locks of jobs are", async () => {
    const options = { retry: { maxRetries: 0 } };
    await expect(locks.acquire("once:job", options)).rejects.toMatchObject({ option: "key" });
    await expect(locks.tryAcquire(["a", "once:job"])).rejects.toMatchObject({ option: "key" });
    expect(await locks.isLocked("once:job")).toBe(false);
  });

  it("a backend that cannot remember results", async () => {
    const minimal = new LockService({ database: new MinimalDatabase() });
    for (const call of [
      minimal.once("job", work),
      minimal.onceEach(["job"], { key: String, work }),
      minimal.recall("job"),
      minimal.forget("job"),
    ]) {
      await expect(call).rejects.toMatchObject({
        option: "database",
        message: expect.stringContaining("MinimalDatabase"),
      });
    }
    expect(runs).toBe(0);
  });
});
