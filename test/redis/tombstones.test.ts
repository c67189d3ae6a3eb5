import { expect, it } from "vitest";
import { gate } from "../dev/gate.ts";
import { useDatabase } from "../support/database-scene.ts";
import { GRACE_MS } from "../support/rest.ts";

const scenes = useDatabase();

it("R4 an acquire delivered after its release creates nothing", async () => {
  const scene = scenes.open();
  const { session } = scene.rest;
  const owner = scene.owner();
  const { opened, open } = gate();
  session.faults.add({ kind: "hold-late", script: "acquire", times: 1, until: opened });
  await expect(owner.acquire()).rejects.toMatchObject({ applied: "unknown" });
  expect(await owner.release()).toEqual({ status: "missing", lockData: null });
  open();
  await session.settled();
  expect(session.counters.applied).toBe(2);
  expect(await scene.command("EXISTS", owner.lockKey, owner.procKey, scene.fenceKey())).toBe(0);
});

it("R4 a release leaves `released` for the grace period, and an acquire under its token is GONE", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  expect(await owner.release()).toEqual({ status: "released", lockData: null });
  expect(await scene.text(owner.goneKey)).toBe("released");
  const graceLeft = await scene.pttl(owner.goneKey);
  expect(graceLeft).toBeGreaterThan(GRACE_MS / 2);
  expect(graceLeft).toBeLessThanOrEqual(GRACE_MS);
  expect(await owner.acquire()).toEqual({ status: "gone" });
  expect(await scene.command("EXISTS", owner.lockKey, owner.procKey)).toBe(0);
});

it("R4 the same release sent twice is SUCCESS twice, even when another holds the lock by then", async () => {
  const scene = scenes.open();
  const [owner, successor] = [scene.owner(), scene.owner()];
  await owner.acquire();
  expect(await owner.release()).toEqual({ status: "released", lockData: null });
  expect(await owner.release()).toEqual({ status: "released", lockData: null });
  await successor.acquire();
  expect(await owner.release()).toEqual({ status: "released", lockData: null });
  expect(await successor.renew()).toEqual(["renewed"]);
});

it("R4 a release delivered twice in one request answers SUCCESS with either reply", async () => {
  const scene = scenes.open();
  for (const reply of ["first", "second"] as const) {
    const owner = scene.owner();
    await owner.acquire();
    scene.rest.session.faults.add({ kind: "duplicate", script: "release", times: 1, reply });
    expect(await owner.release()).toEqual({ status: "released", lockData: null });
  }
});

it("R4 the release of an expired lock is NO_KEY, even when sent twice, and a late acquire is GONE", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  await scene.command("DEL", owner.lockKey, owner.procKey);
  expect(await owner.release()).toEqual({ status: "missing", lockData: null });
  expect(await owner.release()).toEqual({ status: "missing", lockData: null });
  expect(await scene.pttl(owner.goneKey)).toBeGreaterThan(GRACE_MS / 2);
  expect(await owner.acquire()).toEqual({ status: "gone" });
  expect(await scene.exists(owner.lockKey)).toBe(false);
});

it("R4 a release that finds a successor is not owned, stays so, and still blocks its own late acquire", async () => {
  const scene = scenes.open();
  const [owner, successor] = [scene.owner(), scene.owner()];
  await successor.acquire();
  expect(await owner.release()).toMatchObject({ status: "held" });
  await successor.release();
  expect(await owner.release()).toEqual({ status: "missing", lockData: null });
  expect(await owner.acquire()).toEqual({ status: "gone" });
  expect(await scene.exists(owner.lockKey)).toBe(false);
});

it("R4 a takeover leaves `taken` for the old owner, whose release and acquire then see it", async () => {
  const scene = scenes.open();
  const [dead, heir] = [scene.owner(), scene.owner()];
  await dead.acquire();
  await scene.command("DEL", dead.procKey);
  expect(await heir.acquire({ suspects: dead.suspects })).toMatchObject({ status: "granted" });
  expect(await scene.text(dead.goneKey)).toBe("taken");
  expect(await scene.pttl(dead.goneKey)).toBeGreaterThan(GRACE_MS / 2);
  expect(await dead.release()).toMatchObject({ status: "held" });
  await heir.release();
  expect(await dead.release()).toEqual({ status: "missing", lockData: null, isTaken: true });
  expect(await dead.acquire()).toEqual({ status: "gone" });
  expect(await scene.text(dead.goneKey)).toBe("taken");
});

it("R4 forceDelete leaves `forced`: sent twice it is true twice, and the owner sees it", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  expect(await scene.database.forceDelete("key", owner.ownerHash)).toBe(true);
  expect(await scene.text(owner.goneKey)).toBe("forced");
  expect(await scene.pttl(owner.goneKey)).toBeGreaterThan(GRACE_MS / 2);
  expect(await scene.database.forceDelete("key", owner.ownerHash)).toBe(true);
  expect(await owner.acquire()).toEqual({ status: "gone" });
  expect(await owner.renew()).toEqual(["lost"]);
  expect(await owner.release()).toEqual({ status: "missing", lockData: null, isTaken: true });
});

it("R4 the second send of a forceDelete spares the successor", async () => {
  const scene = scenes.open();
  const [owner, successor] = [scene.owner(), scene.owner()];
  await owner.acquire();
  await scene.database.forceDelete("key", owner.ownerHash);
  await successor.acquire();
  expect(await scene.database.forceDelete("key", owner.ownerHash)).toBe(true);
  expect(await successor.renew()).toEqual(["renewed"]);
});

it("R4 one tombstone of several keys makes the whole acquire GONE, and leaves its holder the others", async () => {
  const scene = scenes.open();
  const owner = scene.owner(["a", "b"]);
  await owner.acquire();
  const [, second] = owner.claims;
  expect(await scene.database.forceDelete("b", second?.lockData.ownerHash ?? "")).toBe(true);
  expect(await owner.acquire()).toEqual({ status: "gone" });
  expect(await scene.exists(scene.lockKey("a"))).toBe(true);
  expect(await scene.exists(owner.procKey)).toBe(true);
  expect(await scene.exists(scene.lockKey("b"))).toBe(false);
});

it("R4 a release of several keys leaves a tombstone for each", async () => {
  const scene = scenes.open();
  const owner = scene.owner(["a", "b"]);
  await owner.acquire();
  expect(await owner.release()).toEqual({ status: "released", lockData: null });
  expect(await owner.release()).toEqual({ status: "released", lockData: null });
  for (const { lockData } of owner.claims) {
    expect(await scene.text(`${scene.prefix}gone:${lockData.ownerHash}`)).toBe("released");
  }
  expect(await scene.command("EXISTS", scene.lockKey("a"), scene.lockKey("b"))).toBe(0);
});

it("R4 a release of several keys of which one had expired is not owned, but frees the others", async () => {
  const scene = scenes.open();
  const owner = scene.owner(["a", "b"]);
  await owner.acquire();
  await scene.command("DEL", scene.lockKey("a"));
  expect(await owner.release()).toEqual({ status: "missing", lockData: null });
  expect(await owner.release()).toEqual({ status: "missing", lockData: null });
  expect(await scene.exists(scene.lockKey("b"))).toBe(false);
});

it("R4 the grace period is configurable", async () => {
  const scene = scenes.open();
  const database = scene.rest.database({ gracePeriod: 12_000 });
  const owner = scene.owner();
  await owner.acquire();
  await database.release({ claims: owner.claims, fence: owner.fence });
  expect(await scene.pttl(owner.goneKey)).toBeLessThanOrEqual(12_000);
});
