import { describe, expect, it } from "vitest";
import type { FaultSpec } from "../../dev/rest/faults.ts";
import { RedisDatabase, type Database, type RedisClient } from "../../src/index.ts";
import { CLIENTS, CLIENT_SETUPS, clientWith } from "../support/database-clients.ts";
import { DatabaseScene, useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();
const UNKNOWN = { code: "LOCK_DATABASE", applied: "unknown", retriable: true };

/** Every operation must report "unknown", and never an outcome. */
async function expectUnknown(scene: DatabaseScene, database: Database): Promise<void> {
  const { claims, processHash } = scene.owner();
  const [{ key, lockData }] = claims;
  const { ownerHash } = lockData;
  const times = { ttlMs: 1_000, livenessMs: 1_000 };
  const operations: Record<string, () => Promise<unknown>> = {
    acquire: () => database.acquire({ claims, ...times, suspects: [] }),
    renew: () => database.renew([{ key, lockData, ...times }]),
    release: () => database.release({ claims, fence: 1 }),
    inspect: () => database.inspect(key),
    forceDelete: () => database.forceDelete(key, ownerHash),
    readLockData: () => database.readLockData(key),
    tryCreate: () => database.tryCreate(key, lockData, 1_000),
    tryUpdate: () => database.tryUpdate(key, lockData, 1_000, ownerHash),
    readProcessData: () => database.readProcessData(processHash),
    saveProcessData: () => database.saveProcessData(processHash, { aliveAt: "" }, 1_000),
  };
  for (const [name, operation] of Object.entries(operations)) {
    await expect(operation(), name).rejects.toMatchObject(UNKNOWN);
  }
  expect(await database.tryDelete(key, ownerHash)).toMatchObject({ retriableError: UNKNOWN });
}

const FAULTS: readonly FaultSpec[] = [
  { kind: "null-result" },
  { kind: "null-result", apply: true },
  { kind: "error-html" },
  { kind: "error-html", status: 200 },
  { kind: "cut-body" },
  { kind: "drop-request" },
  { kind: "drop-response" },
  { kind: "hang" },
];

describe.each(CLIENTS)("%s", (_, clientOf) => {
  it.each(FAULTS)("R9 an answer lost to $kind is unknown", async (fault) => {
    const scene = scenes.open();
    const { session, prefix } = scene.rest;
    session.faults.add(fault);
    const options = { prefix, requestTimeout: fault.kind === "hang" ? 20 : 10_000 };
    await expectUnknown(scene, new RedisDatabase(clientOf(session), options));
    session.disconnect();
  });
});

/** Fastly's client takes no signal. */
const WITH_SIGNAL = CLIENT_SETUPS.filter(({ entry }) => entry !== "@upstash/redis/fastly");

describe.each(WITH_SIGNAL)(
  "$entry, auto-pipelining $enableAutoPipelining, JSON $automaticDeserialization, encoding $responseEncoding",
  (setup) => {
    it("R9 an aborted signal, which the client turns into an answer, is unknown", async () => {
      const scene = scenes.open();
      const { session, prefix } = scene.rest;
      for (const reason of ["the user left", undefined]) {
        const client = clientWith(session, setup, AbortSignal.abort(reason));
        await expectUnknown(scene, new RedisDatabase(client, { prefix }));
      }
      expect(session.counters.requests).toBe(0);
    });
  },
);

const REPLIES: readonly unknown[] = [
  null,
  undefined,
  true,
  0,
  1,
  "",
  "OK",
  "SUCCESS",
  "NO_KEY",
  "GRANTED",
  "GRANTED 1 2",
  "released",
  "null",
  "<html></html>",
  "[",
  {},
  { status: "SUCCESS" },
  [],
  [null],
  [1],
  [["SUCCESS"]],
  ["NOPE"],
  ["success", "1"],
];

it.each(REPLIES.map((reply) => [reply]))(
  "R9 %j is not a reply of any of our scripts: unknown",
  async (reply) => {
    const client: RedisClient = { eval: () => Promise.resolve(reply) };
    const database = new RedisDatabase(client);
    const command = (): Promise<unknown> => Promise.reject(new Error("there is no Redis"));
    const { claims } = new DatabaseScene({ database, prefix: "", command }).owner();
    const [{ key, lockData }] = claims;
    const times = { ttlMs: 1_000, livenessMs: 1_000 };
    const acquired = database.acquire({ claims, ...times, suspects: [] });
    await expect(acquired).rejects.toMatchObject(UNKNOWN);
    await expect(database.renew([{ key, lockData, ...times }])).rejects.toMatchObject(UNKNOWN);
    await expect(database.release({ claims, fence: 1 })).rejects.toMatchObject(UNKNOWN);
    await expect(database.inspect(key)).rejects.toMatchObject(UNKNOWN);
    await expect(database.forceDelete(key, null)).rejects.toMatchObject(UNKNOWN);
    await expect(database.tryCreate(key, lockData, 1_000)).rejects.toMatchObject(UNKNOWN);
    const updated = database.tryUpdate(key, lockData, 1_000, lockData.ownerHash);
    await expect(updated).rejects.toMatchObject(UNKNOWN);
    expect(await database.tryDelete(key, lockData.ownerHash)).toMatchObject({
      retriableError: UNKNOWN,
    });
  },
);
