import { expect, it } from "vitest";
import { RedisDatabase, systemRuntime, type Runtime } from "../../src/index.ts";
import { DatabaseScene, useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();
/** Close below 2^53: the next few are still exact as doubles, and cjson writes them as 9.007e+15. */
const LARGE = 9_007_199_254_740_980;
/** Ahead of every clock, and not beyond what one may show. */
const AHEAD = 4_000_000_000_000_000;

/** Another client of the same Redis, in another process: it has seen nothing, and has its own clock. */
function elsewhere(scene: ReturnType<typeof scenes.open>, wall?: number): DatabaseScene {
  const { prefix, command, rest } = scene;
  const runtime: Runtime =
    wall === undefined
      ? systemRuntime
      : { ...systemRuntime, now: () => ({ ...systemRuntime.now(), wall }) };
  return new DatabaseScene({ database: rest.database({ runtime }), prefix, command });
}

async function draw(scene: DatabaseScene, key: string): Promise<number> {
  const owner = scene.owner(key);
  expect(await owner.acquire()).toMatchObject({ status: "granted" });
  return owner.fence ?? 0;
}

it("R6 every acquisition of any key gets a higher fence", async () => {
  const scene = scenes.open();
  const fences: number[] = [];
  for (const key of ["a", "b", "c"]) fences.push(await draw(scene, key));
  const released = scene.owner("d");
  await released.acquire();
  fences.push(released.fence ?? 0);
  await released.release();
  fences.push(await draw(scene, "d"));
  expect(fences).toEqual(fences.map((_, at) => (fences[0] ?? 0) + at));
});

it("R6 concurrent acquisitions get different fences", async () => {
  const scene = scenes.open();
  const keys = Array.from({ length: 30 }, (_, at) => `key-${at}`);
  const fences = await Promise.all(keys.map((key) => draw(scene, key)));
  expect(new Set(fences).size).toBe(30);
});

it("R6 an existing fence counter is never reset, whatever the client's clock says", async () => {
  const scene = scenes.open();
  await scene.command("SET", scene.fenceKey(), "7");
  expect(await draw(scene, "a")).toBe(8);
  expect(await draw(elsewhere(scene, 0), "b")).toBe(9);
  expect(await scene.text(scene.fenceKey())).toBe("9");
});

it("R6 a missing fence counter starts at the client's clock", async () => {
  const scene = scenes.open();
  const before = Date.now() * 1000;
  const fence = await draw(scene, "a");
  expect(fence).toBeGreaterThan(before);
  expect(fence).toBeLessThanOrEqual(Date.now() * 1000 + 1);
  expect(await scene.pttl(scene.fenceKey())).toBe(-1);
});

it("R6 after data loss a client whose clock is years behind continues above the fences it has drawn", async () => {
  const scene = scenes.open();
  const behind = elsewhere(scene, Date.UTC(2001, 0, 1));
  await scene.command("SET", scene.fenceKey(), String(AHEAD));
  const seen = await draw(behind, "a");
  await scene.command("DEL", scene.fenceKey());
  expect(await draw(behind, "b")).toBe(seen + 1);
});

it("R6 after data loss a client whose clock is years behind continues above the fence of a holder it has seen", async () => {
  const scene = scenes.open();
  const behind = elsewhere(scene, Date.UTC(2001, 0, 1));
  const met = await draw(scene, "a");
  expect(await behind.owner("a").acquire()).toMatchObject({ status: "held" });
  await scene.command("DEL", scene.fenceKey());
  expect(await draw(behind, "b")).toBe(met + 1);
});

it("R6 after data loss a client whose clock is years behind, and that has seen nothing, is passed by the next that has", async () => {
  const scene = scenes.open();
  const before = await draw(scene, "a");
  await scene.command("DEL", scene.fenceKey(), scene.lockKey("a"));
  const stranger = elsewhere(scene, Date.UTC(2001, 0, 1));
  // The exception that the README names.
  expect(await draw(stranger, "b")).toBeLessThan(before);
  expect(await draw(scene, "c")).toBe(before + 1);
  expect(await draw(stranger, "d")).toBe(before + 2);
});

it("R6 an absurdly late clock still leaves room to count", async () => {
  const scene = scenes.open();
  const fence = await draw(elsewhere(scene, 8.64e15), "a");
  expect(fence).toBeLessThan(2 ** 53 - 2 ** 51);
});

it("R6 large fences are exact in the record, in refusals, in renewals and in the release", async () => {
  const scene = scenes.open();
  await scene.command("SET", scene.fenceKey(), String(LARGE));
  const owner = scene.owner();
  expect(await owner.acquire()).toMatchObject({ fence: LARGE + 1 });
  expect(await scene.text(owner.lockKey)).toContain(`"fence":${LARGE + 1}}`);
  expect(await owner.acquire()).toMatchObject({ fence: LARGE + 1 });
  expect(await scene.owner().acquire()).toMatchObject({ lockData: { fence: LARGE + 1 } });
  expect(await owner.renew()).toEqual(["renewed"]);
  expect(await scene.text(owner.lockKey)).toContain(`"fence":${LARGE + 1}`);
  expect(await owner.renew({ fence: LARGE })).toEqual(["lost"]);
  expect(await owner.release()).toMatchObject({ status: "released" });
});

it("R6 large fences are exact through a client that parses JSON by itself", async () => {
  const scene = scenes.open();
  const { session, prefix } = scene.rest;
  const { Redis } = await import("@upstash/redis");
  const redis = new Redis({ url: session.url, token: session.token });
  const parsing = {
    prefix,
    command: scene.command,
    database: new RedisDatabase(redis, { prefix }),
  };
  await scene.command("SET", scene.fenceKey(), String(LARGE));
  const owner = new DatabaseScene(parsing).owner();
  expect(await owner.acquire()).toMatchObject({ fence: LARGE + 1 });
  expect(await owner.renew()).toEqual(["renewed"]);
  expect(await owner.release()).toMatchObject({ status: "released" });
});

it("R6 a refusal and a repeated acquire draw no fence", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  const counter = await scene.text(scene.fenceKey());
  await scene.owner().acquire();
  await owner.acquire();
  expect(await scene.text(scene.fenceKey())).toBe(counter);
});

it("R6 a takeover gets a higher fence than the owner it takes from", async () => {
  const scene = scenes.open();
  const [dead, heir] = [scene.owner(), scene.owner()];
  await dead.acquire();
  await scene.command("DEL", dead.procKey);
  await heir.acquire({ suspects: dead.suspects });
  expect(heir.fence).toBeGreaterThan(dead.fence ?? Infinity);
});
