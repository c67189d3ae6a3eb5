import path from "node:path";
import { inspect } from "node:util";
import { build } from "esbuild";
import { describe, expect, expectTypeOf, it } from "vitest";
import * as library from "../../src/index.ts";
import {
  LockService,
  Locker,
  RedisDatabase,
  isLockError,
  type DatabaseError,
  type JobLostError,
  type LockAcquisitionError,
  type LockErrorCode,
  type LockLostError,
  type RedisClient,
} from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

const SECRETS = ["the-token", "the-holder", "the-result", "the-password"];
const LOCK_DATA = { ownerHash: "the-holder", processHash: "p/1.1", acquiredAt: "", extendedAt: "" };

/** An error of each kind, with everything in it that is not for logs. */
function samples(from: typeof library): Readonly<Record<string, library.LockError>> {
  const cause = Object.assign(new Error("boom"), { config: { authorization: "the-password" } });
  const failure = { applied: "unknown", retriable: true, cause } as const;
  const refusal = { holder: "the-holder", remainingMs: 5, cause };
  return {
    LockAcquisitionError: new from.LockAcquisitionError("held", "k", "It is held.", refusal),
    LockNotOwnedError: new from.LockNotOwnedError("k", "the-token"),
    LockExtensionError: new from.LockExtensionError("k", "the-token", "No.", cause),
    LockReleaseUnknownError: new from.LockReleaseUnknownError("k", cause),
    LockLostError: new from.LockLostError("k", "it expired", { result: "the-result", cause }),
    LockConfigurationError: new from.LockConfigurationError("ttl", "must be more", cause),
    DatabaseError: new from.DatabaseError("No answer.", failure),
    MutexError: new from.MutexError("k", LOCK_DATA),
  };
}

async function minified(): Promise<typeof library> {
  const { outputFiles } = await build({
    entryPoints: [path.join(import.meta.dirname, "../../src/index.ts")],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
  });
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64");
  return (await import(`data:text/javascript;base64,${code}`)) as typeof library;
}

it("every error has its class's name, literally, even in a minified bundle", async () => {
  const bundled = await minified();
  expect(bundled.LockLostError.name).not.toBe("LockLostError");
  for (const from of [library, bundled]) {
    for (const [name, error] of Object.entries(samples(from))) {
      expect(error.name).toBe(name);
      expect(String(error)).toMatch(new RegExp(`^${name}: `));
    }
  }
});

describe("toJSON", () => {
  it.each(Object.entries(samples(library)))("of %s tells no secret", (name, error) => {
    const json = JSON.stringify({ error });
    for (const secret of SECRETS) expect(json).not.toContain(secret);
    expect(JSON.parse(json)).toMatchObject({
      error: { name, message: error.message, code: error.code },
    });
  });

  it("tells what a log needs: key, reason and, of the cause, name and message", () => {
    const { LockAcquisitionError: error } = samples(library);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: "LockAcquisitionError",
      message: "It is held.",
      code: "LOCK_ACQUISITION",
      lockKey: "k",
      reason: "held",
      remainingMs: 5,
      cause: { name: "Error", message: "boom" },
    });
  });
});

it("isLockError with a code narrows to the class of that code", () => {
  const error: unknown = samples(library)["LockAcquisitionError"];
  const codes: LockErrorCode[] = [];
  if (isLockError(error, "LOCK_ACQUISITION")) {
    expectTypeOf(error).toEqualTypeOf<LockAcquisitionError>();
    codes.push(error.code);
  }
  if (isLockError(error, "LOCK_LOST")) expectTypeOf(error).toEqualTypeOf<LockLostError>();
  if (isLockError(error, "LOCK_DATABASE")) expectTypeOf(error).toEqualTypeOf<DatabaseError>();
  if (isLockError(error)) expectTypeOf(error.code).toEqualTypeOf<LockErrorCode>();
  expect(codes).toEqual(["LOCK_ACQUISITION"]);
});

it.each([
  { now: "somebody else holds the lock", taken: true },
  { now: "nobody holds the lock", taken: false },
])("a heartbeat rejects with the key, its owner hash and who holds it: $now", async ({ taken }) => {
  const runtime = new ManualRuntime();
  const database = new MemoryDatabase({ runtime });
  const locker = new Locker({ database, runtime });
  const other = new LockService({ database, runtime, keyPrefix: "" });
  const tokens: string[] = [];
  let holder: string | null = null;
  let lost: unknown;
  const run = locker.acquireAndRun("a", async (heartbeater, ownerHash) => {
    tokens.push(ownerHash);
    await database.forceDelete("a", ownerHash);
    if (taken) {
      const { token } = await other.acquire("a", { ttl: 60_000 });
      tokens.push(token);
      holder = token;
    }
    await runtime.advance(5_001);
    await heartbeater.heartbeat().catch((error: unknown) => {
      lost = error;
      throw error;
    });
  });
  const error: unknown = await run.catch((thrown: unknown) => thrown);
  expect(error).toBe(lost);
  expect(lost).toMatchObject({ code: "LOCK_LOST", lockKey: "a", key: "a", ownerHash: tokens[0] });
  const { lockData } = lost as JobLostError;
  expect(lockData?.ownerHash ?? null).toBe(holder);
  for (const token of tokens) {
    expect(JSON.stringify(lost)).not.toContain(token);
    expect(inspect(lost)).not.toContain(token);
  }
});

it("CROSSSLOT is refused for certain, with the advice to choose a hash tag", async () => {
  const words = "CROSSSLOT Keys in request don't hash to the same slot";
  const client: RedisClient = { eval: () => Promise.reject(new Error(words)) };
  await expect(new RedisDatabase(client).inspect("a")).rejects.toMatchObject({
    applied: "no",
    retriable: false,
    message: expect.stringMatching(/CROSSSLOT.*hash tag.*"\{leasehold\}:"/),
  });
});
