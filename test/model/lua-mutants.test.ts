import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startRedis } from "../../dev/redis/redis.ts";
import type { RedisServer } from "../../dev/redis/server.ts";
import { env, onlyBorrowedRedis } from "../dev/own-redis.ts";
import { openBench, type Bench } from "./lua/bench.ts";
import { mutationOf, sending, type LuaMutant } from "./lua/mutant.ts";
import { LUA_MUTANTS } from "./lua/mutants.ts";
import { runOnRedis } from "./redis-simulation.ts";

/** A bug counts as not found if this many schedules do not reveal it. */
const MOST_SCHEDULES = 500;

/** Filling up a Redis would disturb the other files: these mutants get their own. */
const needsFullRedis = ({ guarantee }: LuaMutant): boolean => /^(?:R5|O4) /.test(guarantee);

const url = inject("redisUrl");

/** The rules that the scripts keep. */
const RULES = ["R1", "R2", "R3", "R4", "R5", "R6", "R7", "O1", "O2", "O3", "O4", "O7"];

/** How Lua fails on a replacement that is itself broken, which would pass for any bug. */
const OWN_MISTAKE = /attempt to|nonexistent global|Lua redis lib/;

/** Fails unless the bug violates the guarantee, which the sound script keeps. */
async function expectFound(bench: Bench, mutant: LuaMutant): Promise<void> {
  const mutation = await mutationOf(mutant);
  await bench.compile(mutation.broken);
  const verdict = await bench.judge(mutant.guarantee, sending(mutation));
  expect(verdict, mutant.guarantee).not.toBe("passed");
  if (!mutant.name.includes(" fails on ")) expect(verdict).not.toMatch(OWN_MISTAKE);
  expect(await bench.judge(mutant.guarantee), "the same without the bug").toBe("passed");
}

describe("the conformance suite on Redis sees, in Lua", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench(url);
  });
  afterAll(() => bench.close());

  it.for(LUA_MUTANTS.filter((mutant) => !needsFullRedis(mutant)))("$name", (mutant) =>
    expectFound(bench, mutant),
  );
});

describe.skipIf(onlyBorrowedRedis)("the conformance suite on a full Redis sees, in Lua", () => {
  let server: RedisServer;
  let bench: Bench;
  beforeAll(async () => {
    server = await startRedis({ env });
    bench = await openBench(server.url);
  });
  afterAll(async () => {
    await bench.close();
    await server.stop();
  });

  it.for(LUA_MUTANTS.filter(needsFullRedis))("$name", (mutant) => expectFound(bench, mutant));
});

describe("the schedules on Redis see, in Lua", () => {
  const withSeed = LUA_MUTANTS.filter(({ seed }) => seed !== undefined);
  it.for(withSeed)("$name", { timeout: 240_000 }, async (mutant) => {
    const through = sending(await mutationOf(mutant));
    const seed = mutant.seed ?? 1;
    const options = { url, seed, count: MOST_SCHEDULES, maxViolations: 1, through };
    const { violations } = await runOnRedis(options);
    const [found] = violations;
    expect(found, `nothing in ${MOST_SCHEDULES} schedules`).toBeDefined();
    if (found === undefined) return;
    expect(found.violation).toMatch(/^Redis (said|stored) /);
    const sound = await runOnRedis({ url, seed: found.seed, count: 1 });
    expect(sound.violations, "the same schedule without the bug").toEqual([]);
  });
});

describe("the Lua mutants", () => {
  it("have unique names", () => {
    const names = LUA_MUTANTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.for(RULES)("cover %s", (rule) => {
    expect(LUA_MUTANTS.filter(({ name }) => name.startsWith(`${rule}: `))).not.toEqual([]);
  });

  it("are rejected unless their text occurs as often as declared", async () => {
    const mutant = {
      name: "M",
      script: "renew",
      find: "lengthen(lockKey",
      replace: "",
      guarantee: "",
    };
    await expect(mutationOf({ ...mutant, find: "-- not there" })).rejects.toThrow(
      /0 times in renew/,
    );
    await expect(mutationOf({ ...mutant, times: 2 })).rejects.toThrow(/1 times in renew/);
    await expect(mutationOf({ ...mutant, script: "?" })).rejects.toThrow(/no script is called/);
    await expect(mutationOf(mutant)).resolves.toBeDefined();
  });
});
