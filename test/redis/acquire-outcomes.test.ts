import { expect, it } from "vitest";
import { LockConfigurationError } from "../../src/index.ts";
import { useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();

it("a free key is granted, with a fence and no takeover", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  expect(await owner.acquire()).toEqual({
    status: "granted",
    fence: Number(await scene.text(scene.fenceKey())),
    takenOver: undefined,
  });
});

it("a key that is already one's own is granted again under the same fence", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  const first = await owner.acquire();
  expect(await owner.acquire()).toEqual(first);
});

it("one's own key whose proc key is gone is LOST, does not block the next token, and is not granted again", async () => {
  const scene = scenes.open();
  const [owner, next] = [scene.owner(), scene.owner()];
  await owner.acquire();
  await scene.command("DEL", owner.procKey);
  expect(await owner.acquire()).toEqual({ status: "lost" });
  expect(await owner.acquire()).toEqual({ status: "gone" });
  expect(await next.acquire()).toMatchObject({ status: "granted" });
  expect(await owner.release()).toMatchObject({ status: "held" });
});

it("a held key shows its holder's record and the time it has left", async () => {
  const scene = scenes.open();
  const holder = scene.owner("key", { trace: "pay order 17", livenessMs: 8_000 });
  await holder.acquire({ ttlMs: 20_000, livenessMs: 8_000 });
  const refused = await scene.owner().acquire();
  const [{ lockData }] = holder.claims;
  expect(refused).toEqual({
    status: "held",
    key: "key",
    lockData: { ...lockData, trace: "pay order 17", livenessMs: 8_000, fence: holder.fence },
    remainingMs: expect.toSatisfy((ms: number) => ms > 8_000 && ms <= 20_000),
  });
});

it("a held key without expiry has null ms left", async () => {
  const scene = scenes.open();
  const holder = scene.owner();
  await holder.acquire();
  await scene.command("PERSIST", holder.lockKey);
  expect(await scene.owner().acquire()).toMatchObject({ remainingMs: null });
  expect(await scene.database.inspect("key")).toMatchObject({ remainingMs: null, alive: true });
});

it("a dead holder that is not listed as a suspect is left alone", async () => {
  const scene = scenes.open();
  const holder = scene.owner();
  await holder.acquire();
  await scene.command("DEL", holder.procKey);
  const stored = await scene.text(holder.lockKey);
  expect(await scene.owner().acquire()).toMatchObject({ status: "held" });
  expect(await scene.text(holder.lockKey)).toBe(stored);
});

it("a suspect whose process is gone is taken over from", async () => {
  const scene = scenes.open();
  const [dead, heir] = [scene.owner(), scene.owner()];
  await dead.acquire({ ttlMs: 60_000 });
  await scene.command("DEL", dead.procKey);
  expect(await heir.acquire({ ttlMs: 10_000, suspects: dead.suspects })).toEqual({
    status: "granted",
    fence: (dead.fence ?? 0) + 1,
    takenOver: "key",
  });
  expect(await scene.record()).toMatchObject({ ownerHash: heir.ownerHash });
  expect(await scene.pttl(heir.lockKey)).toBeLessThanOrEqual(10_000);
  expect(await dead.renew()).toEqual(["lost"]);
  expect(await heir.acquire({ suspects: dead.suspects })).toMatchObject({ takenOver: undefined });
});

it("a suspect whose process is alive keeps its lock", async () => {
  const scene = scenes.open();
  const holder = scene.owner();
  await holder.acquire();
  expect(await scene.owner().acquire({ suspects: holder.suspects })).toMatchObject({
    status: "held",
    lockData: { ownerHash: holder.ownerHash },
  });
  expect(await holder.renew()).toEqual(["renewed"]);
});

it("a dead suspect whose lock was since acquired by another is not mistaken for that other", async () => {
  const scene = scenes.open();
  const [dead, other, late] = [scene.owner(), scene.owner(), scene.owner()];
  await dead.acquire();
  await scene.command("DEL", dead.lockKey, dead.procKey);
  await other.acquire();
  expect(await late.acquire({ suspects: dead.suspects })).toMatchObject({
    status: "held",
    lockData: { ownerHash: other.ownerHash },
  });
  expect(await other.renew()).toEqual(["renewed"]);
  expect(await scene.text(dead.goneKey)).toBe("granted");
});

it("a suspect that now has another process, under the same owner hash, is not taken over from", async () => {
  const scene = scenes.open();
  const holder = scene.owner();
  await holder.acquire();
  const suspects = holder.suspects.map((suspect) => ({ ...suspect, processHash: "test/1.2" }));
  expect(await scene.owner().acquire({ suspects })).toMatchObject({
    status: "held",
  });
});

it("a suspect whose lock is now free leaves no trace of a takeover", async () => {
  const scene = scenes.open();
  const [gone, heir] = [scene.owner(), scene.owner()];
  await gone.acquire();
  await scene.command("DEL", gone.lockKey, gone.procKey);
  expect(await heir.acquire({ suspects: gone.suspects })).toMatchObject({
    status: "granted",
    takenOver: undefined,
  });
  expect(await scene.text(gone.goneKey)).toBe("granted");
});

it("of several concurrent takeovers from the same dead holder, exactly one is granted", async () => {
  const scene = scenes.open();
  const dead = scene.owner();
  await dead.acquire();
  await scene.command("DEL", dead.procKey);
  const heirs = Array.from({ length: 8 }, () => scene.owner());
  const outcomes = await Promise.all(heirs.map((one) => one.acquire({ suspects: dead.suspects })));
  expect(outcomes.filter(({ status }) => status === "granted")).toHaveLength(1);
});

it("of many concurrent acquires of a free key, exactly one is granted, and it is the one stored", async () => {
  const scene = scenes.open();
  const owners = Array.from({ length: 20 }, () => scene.owner());
  const outcomes = await Promise.all(owners.map((owner) => owner.acquire()));
  const winners = owners.filter((_, at) => outcomes[at]?.status === "granted");
  expect(winners).toHaveLength(1);
  expect(await scene.record()).toMatchObject({ ownerHash: winners[0]?.ownerHash });
});

it("a request without claims is refused before anything is sent", async () => {
  const scene = scenes.open();
  const { database, rest } = scene;
  const request = { claims: [], ttlMs: 1_000, livenessMs: 1_000, suspects: [] };
  await expect(database.acquire(request)).rejects.toThrow(LockConfigurationError);
  await expect(database.release({ claims: [], fence: 1 })).rejects.toThrow(LockConfigurationError);
  expect(rest.session.counters.requests).toBe(0);
});
