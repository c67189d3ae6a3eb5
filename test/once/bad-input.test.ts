import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { OnceEachOptions, OnceOptions } from "../../src/index.ts";
import { LockService } from "../../src/index.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();
let runs = 0;
const work = (): number => (runs += 1);

/** Fails unless the call is refused for this option, before anything is sent. */
async function refuses(
  option: string,
  call: (locks: LockService) => Promise<unknown>,
): Promise<void> {
  const rest = rests.open();
  await expect(call(rest.locks())).rejects.toMatchObject({
    name: "LockConfigurationError",
    code: "LOCK_CONFIGURATION",
    option,
  });
  expect([rest.session.counters.requests, runs]).toEqual([0, 0]);
}

describe("bad input is an error that names the option, and nothing is sent or runs", () => {
  it.each<[string, Record<string, unknown>]>([
    ["ifRunning", { ifRunning: "wait" }],
    ["remember", { remember: -1 }],
    ["remember", { remember: 0 }],
    ["remember", { remember: 1.5 }],
    ["remember", { remember: 367 * 86_400_000 }],
    ["maxResultBytes", { maxResultBytes: -1 }],
    ["fingerprint", { fingerprint: "" }],
    ["fingerprint", { fingerprint: 1 }],
    ["fingerprint", { fingerprint: "x".repeat(1_001) }],
    ["codec", { codec: null }],
    ["codec.decode", { codec: { encode: String } }],
    ["waitTimeout", { waitTimeout: 100 }],
    ["waitTimeout", { waitTimeout: 100, ifRunning: "throw" }],
    ["retry", { retry: { maxRetries: 1 } }],
    ["ttl", { ttl: 1 }],
    ["rememberMs", { rememberMs: 1 }],
  ])("%s: %o", async (option, options) => {
    await refuses(option, (locks) => locks.once("job", work, options as OnceOptions<number>));
  });

  it.each<[string, Record<string, unknown> | null]>([
    ["options", null],
    ["key", { work }],
    ["work", { key: String }],
    ["fingerprint", { key: String, work, fingerprint: "x" }],
    ["fingerprint", { key: String, work, fingerprint: () => "" }],
    ["key", { key: () => 1, work }],
    ["ifRunning", { key: String, work, ifRunning: "join" }],
    ["waitTimeout", { key: String, work, waitTimeout: 100 }],
    ["remember", { key: String, work, remember: -1 }],
    ["rememberMs", { key: String, work, rememberMs: 1 }],
  ])("of a batch, %s: %o", async (option, options) => {
    const batch = options as unknown as OnceEachOptions<string, number>;
    await refuses(option, (locks) => locks.onceEach(["job"], batch));
  });

  it.each([{ waitTimeout: 100 }, { retry: { maxRetries: 1 } }])(
    "of a batch, %o: and no advice to join, as nobody waits in it",
    async (waiting) => {
      const batch = { key: String, work, ...waiting };
      const refusal = rests.open().locks().onceEach(["job"], batch);
      await expect(refusal).rejects.toThrow(/is not an option of onceEach/);
      await expect(refusal).rejects.not.toThrow(/join/);
    },
  );

  it("of a batch of nothing", async () => {
    const batch = { key: String, work, rememberMs: 1 };
    await refuses("rememberMs", (locks) => locks.onceEach([], batch));
  });

  it.each([null, undefined, "job", { length: 1 }])(
    "of a batch whose items are %j",
    async (items) => {
      await refuses("items", (locks) =>
        locks.onceEach(items as unknown as string[], { key: String, work }),
      );
    },
  );

  it("of a job without work", async () => {
    await refuses("work", (locks) => locks.once("job", undefined as unknown as () => number));
  });

  it.each<[string, unknown]>([
    ["options", null],
    ["codec", { codec: "json" }],
    ["codecs", { codecs: {} }],
  ])("of recall, %s: %o", async (option, options) => {
    await refuses(option, (locks) => locks.recall("job", options as object));
  });

  it.each(["", "x".repeat(1_001), "\0", "\ud800"])("key: %j", async (key) => {
    await refuses("key", (locks) => locks.once(key, work));
    await refuses("key", (locks) => locks.onceEach(["ok", key], { key: String, work }));
    await refuses("key", (locks) => locks.recall(key));
    await refuses("key", (locks) => locks.forget(key));
  });

  it("a lock that is called as the locks of jobs are", async () => {
    await refuses("key", (locks) => locks.acquire("once:job", { retry: { maxRetries: 0 } }));
    await refuses("key", (locks) => locks.tryAcquire(["a", "once:job"]));
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

it("what a codec cannot decode is an error that names the key, and shows nothing of it", async () => {
  const rest = rests.open();
  const codec = { encode: (text: string) => `s3cret ${text}`, decode: (text: string) => text };
  await rest.locks().once("pay", () => "1234", { codec });
  for (const call of [rest.locks().once("pay", work), rest.locks().recall("pay")]) {
    const error: unknown = await call.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "LOCK_DATABASE",
      applied: "no",
      retriable: false,
      message: expect.stringContaining('"pay"'),
    });
    expect(inspect(error)).not.toMatch(/s3cret|1234/);
  }
  expect(runs).toBe(0);
});
