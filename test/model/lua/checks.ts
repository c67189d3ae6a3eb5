import { expect } from "vitest";
import { jobOperations } from "../../../src/database/operations.ts";
import type { BenchScene } from "./bench-scene.ts";

const LONG_MS = 600_000;
const STILL_LONG_MS = 300_000;

/** Guarantees without a case in the conformance suite, although a bug in a script may violate them. */
export const CHECKS: ReadonlyMap<string, (scene: BenchScene) => Promise<void>> = new Map([
  [
    "R1 an acquire of a free key does not shorten a liveness that is there",
    async (scene: BenchScene) => {
      const owner = scene.owner();
      const { processHash, procKey } = owner;
      await scene.database.saveProcessData(
        processHash,
        scene.database.createProcessData(),
        LONG_MS,
      );
      await owner.acquire({ ttlMs: 1_000, livenessMs: 1_000 });
      expect(await scene.pttl(procKey)).toBeGreaterThan(STILL_LONG_MS);
    },
  ],
  [
    "a release that finds nothing ends the liveness of its process",
    async (scene: BenchScene) => {
      const owner = scene.owner();
      await owner.acquire();
      await scene.command("DEL", scene.lockKey());
      expect(await owner.release()).toMatchObject({ status: "missing" });
      expect(await scene.exists(owner.procKey)).toBe(false);
    },
  ],
  [
    "R4 a refusal of several keys ends each of them",
    async (scene: BenchScene) => {
      const owner = scene.owner(["a", "b"]);
      await scene.owner("b").acquire();
      expect(await owner.acquire()).toMatchObject({ status: "held" });
      for (const { lockData } of owner.claims) {
        expect(await scene.text(`${scene.prefix}gone:${lockData.ownerHash}`)).toBe("refused");
      }
    },
  ],
  [
    "R4 a lost acquire stays lost, even if its grant was not remembered",
    async (scene: BenchScene) => {
      const owner = scene.owner();
      await owner.acquire();
      await scene.command("DEL", owner.procKey, owner.goneKey);
      expect(await owner.acquire()).toEqual({ status: "lost" });
      expect(await owner.acquire()).toEqual({ status: "gone" });
    },
  ],
  [
    "R5 a renewal on a full database lengthens a liveness whose lock has long enough",
    async (scene: BenchScene) => {
      const owner = scene.owner();
      await owner.acquire();
      await scene.setFull(true);
      try {
        expect(await owner.renew({ ttlMs: 1_000, livenessMs: LONG_MS })).toEqual(["renewed"]);
      } finally {
        await scene.setFull(false);
      }
      expect(await scene.pttl(owner.procKey)).toBeGreaterThan(STILL_LONG_MS);
    },
  ],
  [
    "R6 an attach goes on above the fence it takes over, though the counter was lost",
    async (scene: BenchScene) => {
      const [old, heir] = [scene.owner(), scene.owner()];
      const fence = 2 ** 52 - 2;
      const [{ lockData }] = old.claims;
      const { ownerHash, processHash } = lockData;
      const stored = JSON.stringify({ ...lockData, fence });
      await scene.command("SET", scene.lockKey(), stored, "PX", LONG_MS);
      await scene.command("SET", old.procKey, "{}", "PX", LONG_MS);
      const { claims } = heir;
      const handedOff = [{ key: "key", ownerHash, processHash, fence }];
      const times = { ttlMs: LONG_MS, livenessMs: LONG_MS };
      const outcome = await scene.database.acquire({ claims, ...times, suspects: [], handedOff });
      expect(outcome).toEqual({ status: "granted", fence: fence + 1, takenOver: undefined });
    },
  ],
  [
    "O4 a completion without room for its result leaves a marker",
    async (scene: BenchScene) => {
      const [claim] = scene.owner().claims;
      if (claim === undefined) throw new Error("an owner without a claim");
      const job = { claims: [claim], resultKey: "key" } as const;
      const times = { ttlMs: LONG_MS, livenessMs: LONG_MS };
      const jobs = jobOperations(scene.database);
      const [admission] = await jobs.admit([{ ...job, ...times, suspects: [] }]);
      if (admission?.status !== "granted") throw new Error("not admitted");
      const marker = { ownerHash: claim.lockData.ownerHash, completedAt: "2020-01-01T00:00:00Z" };
      const record = { ...marker, result: "1" };
      const request = { ...job, fence: admission.fence, record, rememberMs: LONG_MS };
      await scene.setFull(true);
      try {
        const [outcome] = await jobs.complete([request]);
        expect(outcome).toMatchObject({ status: "released", kept: "marker" });
      } finally {
        await scene.setFull(false);
      }
      expect(await jobs.recall("key")).toEqual(marker);
    },
  ],
  [
    "R7 a value that is not text can be inspected, and force-deleted",
    async (scene: BenchScene) => {
      await scene.command("RPUSH", scene.lockKey(), "a");
      const seen = { lockData: null, remainingMs: null, alive: true };
      expect(await scene.database.inspect("key")).toEqual(seen);
      expect(await scene.database.forceDelete("key", null)).toBe(true);
    },
  ],
  [
    "R7 forceDelete spares what replaced the value it saw",
    async (scene: BenchScene) => {
      const owner = scene.owner();
      await scene.command("SET", scene.lockKey(), "held by hand");
      scene.meanwhile = async () => {
        await scene.command("DEL", scene.lockKey());
        await owner.acquire();
      };
      expect(await scene.database.forceDelete("key", null)).toBe(false);
      expect(await owner.renew()).toEqual(["renewed"]);
    },
  ],
  [
    "R7 a release that finds nothing overwrites a tombstone that is not text",
    async (scene: BenchScene) => {
      const owner = scene.owner();
      await scene.command("RPUSH", owner.goneKey, "a");
      expect(await owner.release()).toEqual({ status: "missing", lockData: null });
      expect(await scene.text(owner.goneKey)).toBe("lost");
    },
  ],
]);
