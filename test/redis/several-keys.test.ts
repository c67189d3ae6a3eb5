import { expect, it } from "vitest";
import { useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();

it("several keys are granted together, under one fence and one proc key", async () => {
  const scene = scenes.open();
  const owner = scene.owner(["a", "b", "c"]);
  const outcome = await owner.acquire();
  expect(outcome).toEqual({ status: "granted", fence: owner.fence, takenOver: undefined });
  for (const key of ["a", "b", "c"]) {
    expect(await scene.record(key)).toMatchObject({
      ownerHash: `${key}@${owner.processHash}.0`,
      processHash: owner.processHash,
      fence: owner.fence,
    });
  }
  expect(await scene.text(scene.fenceKey())).toBe(String(owner.fence));
  expect(await scene.command("KEYS", `${scene.prefix}proc:*`)).toHaveLength(1);
  expect(await owner.renew()).toEqual(["renewed", "renewed", "renewed"]);
});

it("one held key refuses them all: none is created, and the refusal names it", async () => {
  const scene = scenes.open();
  const holder = scene.owner("b");
  await holder.acquire();
  const owner = scene.owner(["a", "b", "c"]);
  expect(await owner.acquire()).toMatchObject({
    status: "held",
    key: "b",
    lockData: { ownerHash: holder.ownerHash },
  });
  expect(await scene.command("EXISTS", scene.lockKey("a"), scene.lockKey("c"))).toBe(0);
  expect(await scene.exists(owner.procKey)).toBe(false);
});

it("a refusal leaves its holder the keys that are its own, until it releases them", async () => {
  const scene = scenes.open();
  const [owner, thief] = [scene.owner(["a", "b", "c"]), scene.owner("b")];
  await owner.acquire();
  await scene.command("DEL", scene.lockKey("b"));
  await thief.acquire();
  expect(await owner.acquire()).toMatchObject({ key: "b" });
  expect(await scene.command("EXISTS", scene.lockKey("a"), scene.lockKey("c"))).toBe(2);
  expect(await scene.exists(owner.procKey)).toBe(true);
  expect(await thief.renew()).toEqual(["renewed"]);
  await owner.release();
  expect(await scene.command("EXISTS", scene.lockKey("a"), scene.lockKey("c"))).toBe(0);
});

it("where some are one's own and the rest free, all are created again under one new fence", async () => {
  const scene = scenes.open();
  const owner = scene.owner(["a", "b"]);
  await owner.acquire();
  const before = owner.fence ?? 0;
  await scene.command("DEL", scene.lockKey("a"));
  expect(await owner.acquire()).toEqual({
    status: "granted",
    fence: before + 1,
    takenOver: undefined,
  });
  expect(await scene.record("a")).toMatchObject({ fence: before + 1 });
  expect(await scene.record("b")).toMatchObject({ fence: before + 1 });
  expect(await owner.renew({ fence: before })).toEqual(["lost", "lost"]);
  expect(await owner.renew()).toEqual(["renewed", "renewed"]);
});

it("keys of several dead holders are taken over together", async () => {
  const scene = scenes.open();
  const [first, second] = [scene.owner("a"), scene.owner("c")];
  await first.acquire();
  await second.acquire();
  await scene.command("DEL", first.procKey, second.procKey);
  const heir = scene.owner(["a", "b", "c"]);
  const suspects = [...second.suspects, ...first.suspects];
  expect(await heir.acquire({ suspects })).toMatchObject({ status: "granted", takenOver: "a" });
  expect(await scene.text(first.goneKey)).toBe("taken");
  expect(await scene.text(second.goneKey)).toBe("taken");
});

it("a dead holder beside a living one is not taken over from", async () => {
  const scene = scenes.open();
  const [dead, alive] = [scene.owner("a"), scene.owner("b")];
  await dead.acquire();
  await alive.acquire();
  await scene.command("DEL", dead.procKey);
  const owner = scene.owner(["a", "b"]);
  expect(await owner.acquire({ suspects: dead.suspects })).toMatchObject({ key: "b" });
  expect(await scene.record("a")).toMatchObject({ ownerHash: dead.ownerHash });
  expect(await scene.text(dead.goneKey)).toBe("granted");
});

it("a dead holder of several keys loses only those that are requested", async () => {
  const scene = scenes.open();
  const dead = scene.owner(["a", "b"]);
  await dead.acquire();
  await scene.command("DEL", dead.procKey);
  const heir = scene.owner("b");
  const [, second] = dead.suspects;
  expect(await heir.acquire({ suspects: second ? [second] : [] })).toMatchObject({
    takenOver: "b",
  });
  expect(await scene.record("a")).toMatchObject({ ownerHash: dead.ownerHash });
});

it("concurrent acquisitions of overlapping keys are each granted completely or not at all", async () => {
  const scene = scenes.open();
  const names = ["a", "b", "c", "d"];
  const owners = names.map((key, at) => scene.owner([key, names[(at + 1) % 4] ?? "a"]));
  const outcomes = await Promise.all(owners.map((owner) => owner.acquire()));
  const winners = owners.filter((_, at) => outcomes[at]?.status === "granted");
  expect(winners.length).toBeGreaterThanOrEqual(1);
  for (const winner of winners) expect(await winner.renew()).toEqual(["renewed", "renewed"]);
  expect(await scene.command("KEYS", `${scene.prefix}lock:*`)).toHaveLength(2 * winners.length);
});
