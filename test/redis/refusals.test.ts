import { Redis } from "@upstash/redis";
import { describe, expect, it } from "vitest";
import { RedisDatabase } from "../../src/index.ts";
import { useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();
const SHA = "0123456789abcdef0123456789abcdef01234567";

/** Longer than what is kept of a message. */
const MISCONF =
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";

const FINAL = [
  "WRONGPASS invalid or missing auth token",
  "NOAUTH Authentication required.",
  "NOPERM this user has no permissions to run the 'eval' command",
  "WRONGTYPE Operation against a key holding the wrong kind of value",
  "OOM command not allowed when used memory > 'maxmemory'.",
  "ERR max request size exceeded. Limit: 10485760 bytes, Actual: 10485761 bytes",
  "ERR max daily request limit exceeded. Limit: 10000, Usage: 10000.",
  "ERR Error running script (call to f_0123): @user_script:1: boom",
  "ERR Error compiling script (new function): user_script:1: unexpected symbol",
  `ERR user_script:1: boom script: ${SHA}, on @user_script:1.`,
  `ERR value is not an integer or out of range script: ${SHA}, on @user_script:9.`,
  "CROSSSLOT Keys in request don't hash to the same slot",
  "MOVED 3999 127.0.0.1:6381",
  MISCONF,
];

const TEMPORARY = [
  "LOADING Redis is loading the dataset in memory",
  "READONLY You can't write against a read only replica.",
  `READONLY You can't write against a read only replica. script: ${SHA}, on @user_script:9.`,
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  "CLUSTERDOWN The cluster is down",
  "CLUSTERDOWN Hash slot not served",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "NOREPLICAS Not enough good replicas to write.",
  "TRYAGAIN Multiple keys request during rehashing of slot",
  "ASK 3999 127.0.0.1:6381",
];

const UNKNOWN = [
  "injected fault",
  "",
  "Internal Server Error",
  "ERR something went wrong",
  "ERR maximum of something",
  "MOVEDON",
  "ASKING",
  "BUSYGROUP Consumer Group name already exists",
  "BUSYKEY Target key name already exists.",
  "LOADINGS",
  "OOMPH",
  "oom command not allowed",
  "NOPERMISSION",
  "upstream said WRONGPASS",
  " LOADING with a blank in front",
  "LOADED",
  "script: 0123",
];

describe.each([
  ["one command per request", false],
  ["auto-pipelining", true],
])("with %s", (_, enableAutoPipelining) => {
  /** A database whose next command fails with this text. */
  function failing(error: string) {
    const scene = scenes.open();
    const { session, prefix } = scene.rest;
    const { url, token } = session;
    const redis = new Redis({ url, token, enableAutoPipelining, retry: { retries: 0 } });
    session.faults.add({ kind: "error-json", status: 400, error });
    return { scene, database: new RedisDatabase(redis, { prefix }) };
  }

  it.each(FINAL)("R9 `%s` was not applied, and is not retriable", async (error) => {
    const { database } = failing(error);
    await expect(database.inspect("key")).rejects.toMatchObject({
      code: "LOCK_DATABASE",
      applied: "no",
      retriable: false,
    });
  });

  it.each(TEMPORARY)("R9 `%s` was not applied, and is retriable", async (error) => {
    const { database } = failing(error);
    await expect(database.inspect("key")).rejects.toMatchObject({
      code: "LOCK_DATABASE",
      applied: "no",
      retriable: true,
    });
  });

  it.each(UNKNOWN)("R9 `%s` is inconclusive: unknown", async (error) => {
    const { database } = failing(error);
    await expect(database.inspect("key")).rejects.toMatchObject({
      code: "LOCK_DATABASE",
      applied: "unknown",
      retriable: true,
    });
  });

  it("R9 an error prefix in a key, which the client appends to its error, has no effect", async () => {
    for (const key of [`script: ${SHA}`, "failed: WRONGPASS", ", command was: OOM"]) {
      const { database } = failing("injected fault");
      await expect(database.inspect(key)).rejects.toMatchObject({ applied: "unknown" });
    }
  });

  it("R9 every operation reports a refusal as such, and tryDelete is retriable only where that may help", async () => {
    const { scene, database } = failing("NOPERM no");
    const { claims, processHash } = scene.owner();
    const [{ key, lockData }] = claims;
    const times = { ttlMs: 1_000, livenessMs: 1_000 };
    const operations: readonly (() => Promise<unknown>)[] = [
      () => database.acquire({ claims, ...times, suspects: [] }),
      () => database.renew([{ key, lockData, ...times }]),
      () => database.release({ claims, fence: 1 }),
      () => database.inspect(key),
      () => database.forceDelete(key, null),
      () => database.readLockData(key),
      () => database.tryCreate(key, lockData, 1_000),
      () => database.tryUpdate(key, lockData, 1_000, lockData.ownerHash),
      () => database.tryDelete(key, lockData.ownerHash),
      () => database.readProcessData(processHash),
      () => database.saveProcessData(processHash, { aliveAt: "" }, 1_000),
    ];
    for (const operation of operations) {
      await expect(operation()).rejects.toMatchObject({ applied: "no", retriable: false });
    }
    scene.rest.session.faults.clear();
    scene.rest.session.faults.add({ kind: "error-json", error: "LOADING soon" });
    const outcome = await database.tryDelete(key, lockData.ownerHash);
    expect(outcome).toMatchObject({ retriableError: { applied: "no", retriable: true } });
  });
});

it.each(["Command failed: ", "Command 1 [ eval ] failed: "])(
  "R9 the prefix of a command's refusal in a pipeline (`%s`) does not hide it",
  async (wrapping) => {
    const failing = (error: string): RedisDatabase =>
      new RedisDatabase({
        async eval() {
          throw new Error(wrapping + error);
        },
      });
    for (const error of FINAL) {
      const inspected = failing(error).inspect("key");
      await expect(inspected).rejects.toMatchObject({ applied: "no", retriable: false });
    }
    for (const error of TEMPORARY) {
      const inspected = failing(error).inspect("key");
      await expect(inspected).rejects.toMatchObject({ applied: "no", retriable: true });
    }
    const inspected = failing("injected fault").inspect("key");
    await expect(inspected).rejects.toMatchObject({ applied: "unknown" });
  },
);
