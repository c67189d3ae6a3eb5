/**
 * `npm run bench -- cost`: what one uncontended lock and its release cost, beside 0.1 and others, in one
 * interleaved run: commands in Redis (a script counts as one), time in EVAL, bytes of the requests' bodies;
 * then the CPU time of the client, with a `fetch` in the process that answers at once; then renewals.
 */
import { createClient } from "@redis/client";
import { startStack } from "../dev/stack.ts";
import { LockService } from "../src/index.ts";
import { upstash } from "../src/upstash/index.ts";
import { median, quantile, shuffled } from "./cost/sample.ts";
import { byHand, libraryOf0_1, ours, scriptsOf0_1, upstashLock, type Way } from "./cost/ways.ts";

/** Many and short: whatever else the machine does meets all that are compared in a round. */
const SERVER_ROUNDS = 300;
const ROUNDS = 60;
const MANY = 1_000;
const nothing = (): void => undefined;

interface Figures {
  readonly commands: number[];
  readonly evalUs: number[];
  readonly bytes: number[];
}

const stack = await startStack({ onProgress: (line) => console.log(line) });
const redis = createClient({ url: stack.redis.url });
const send = globalThis.fetch;
try {
  await redis.connect();
  await compareOnTheServer();
  await compareRenewals();
} finally {
  await redis.close();
  await stack.stop();
}
await compareClients();
globalThis.fetch = send;

async function compareOnTheServer(): Promise<void> {
  const { url, token } = stack.session;
  let bytes = 0;
  globalThis.fetch = (input, init) => {
    bytes += typeof init?.body === "string" ? Buffer.byteLength(init.body) : 0;
    return send(input, init);
  };
  const ways = [
    scriptsOf0_1(url, token),
    ours(url, token),
    byHand(url, token),
    upstashLock(url, token),
  ];
  const figures = new Map<Way, Figures>(
    ways.map((way) => [way, { commands: [], evalUs: [], bytes: [] }]),
  );
  for (const way of ways) await way.withLock("warm", nothing);
  let order = shuffled([...figures]);
  for (let round = 0; round < SERVER_ROUNDS; round += 1) {
    order = round % 2 === 1 ? order.toReversed() : shuffled(order);
    for (const [way, found] of order) {
      // Of changing length, as Redis collects the garbage of scripts after every 50.
      const locks = 3 + Math.floor(Math.random() * 5);
      bytes = 0;
      const before = await commandStats();
      for (let done = 0; done < locks; done += 1) await way.withLock(`order:${done}`, nothing);
      const after = await commandStats();
      found.bytes.push(bytes / locks);
      found.commands.push((after.calls - before.calls) / locks);
      found.evalUs.push((after.evalUs - before.evalUs) / locks);
    }
  }
  console.log(
    `\nOne lock and its release, ${SERVER_ROUNDS} rounds in turn, medians (EVAL: beside 0.1 in each round, and quartiles)`,
  );
  const base = [...figures.values()][0]?.evalUs ?? [];
  for (const [{ name }, { commands, evalUs, bytes: sent }] of figures) {
    const ratios = evalUs.map((us, round) => us / (base[round] ?? NaN));
    const [low, mid, high] = [0.25, 0.5, 0.75].map((part) => quantile(ratios, part).toFixed(2));
    console.log(
      `${name.padEnd(16)} ${median(commands)} commands, ${median(evalUs).toFixed(1)} µs in EVAL (${mid}, ${low} to ${high}), ${Math.round(median(sent))} bytes`,
    );
  }
  globalThis.fetch = send;
}

/** Every command but our own questions, a script as one, and the time in scripts. */
async function commandStats(): Promise<{ readonly calls: number; readonly evalUs: number }> {
  const text = await redis.info("commandstats");
  let calls = 0;
  let evalUs = 0;
  for (const [, name = "", count, us] of text.matchAll(/cmdstat_(\S+?):calls=(\d+),usec=(\d+)/g)) {
    if (name === "info") continue;
    calls += Number(count);
    if (name.startsWith("eval")) evalUs += Number(us);
  }
  return { calls, evalUs };
}

async function compareRenewals(): Promise<void> {
  const { url, token } = stack.session;
  const env = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
  const locks = new LockService({ database: upstash(env) }).forRequest({});
  const held = [];
  for (let at = 0; at < MANY; at += 1) held.push(await locks.acquire(`many:${at}`, { ttl: 9_000 }));
  let renewed = 0;
  const all = new Promise<void>((resolve) => {
    locks.events.subscribe(({ type }) => {
      if (type === "renewed" && (renewed += 1) === MANY) resolve();
    });
  });
  // It holds the commands inside scripts as well.
  await redis.configSet({ "slowlog-max-len": "100000", "slowlog-log-slower-than": "0" });
  await all;
  const slow = (await redis.sendCommand(["SLOWLOG", "GET", "-1"])) as unknown as unknown[][];
  const scripts = slow.filter(([, , , command]) => String(command).startsWith("EVAL"));
  const longest = Math.max(...scripts.map(([, , us]) => Number(us)));
  console.log(
    `\n${MANY} locks renewed: ${scripts.length} scripts, the longest took ${(longest / 1000).toFixed(1)} ms`,
  );
  for (const lock of held) await lock.release();
}

/** Over a `fetch` that answers at once: the library, and the transport it recommends. */
async function compareClients(): Promise<void> {
  globalThis.fetch = grantsAtOnce();
  const url = "https://in-process.invalid";
  const ways = await withOptional(libraryOf0_1(url, "t"), "0.1: its commit is not in the history", [
    ours(url, "t"),
  ]);
  const times = new Map<Way, number[]>(ways.map((way) => [way, []]));
  for (const way of ways)
    for (let done = 0; done < 2_000; done += 1) await way.withLock("warm", nothing);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [way, found] of shuffled([...times])) {
      found.push(await cpuUs(200, (done) => way.withLock(`order:${done}`, nothing)));
    }
  }
  console.log("\nCPU of the client for one lock and its release, without network, medians");
  for (const [{ name }, found] of times) {
    console.log(`${name.padEnd(16)} ${median(found).toFixed(0)} µs`);
  }
  await compareHeld();
}

/** What a further lock costs a request that holds many. */
async function compareHeld(): Promise<void> {
  const env = {
    UPSTASH_REDIS_REST_URL: "https://in-process.invalid",
    UPSTASH_REDIS_REST_TOKEN: "t",
  };
  const locks = new LockService({ database: upstash(env) }).forRequest({});
  for (const held of [1, 10_000]) {
    for (let at = 0; at < held; at += 1) await locks.acquire(`${held}:${at}`, { ttl: 200_000 });
    const found = [];
    for (let round = 0; round < 20; round += 1) {
      found.push(await cpuUs(50, (done) => locks.acquire(`further:${held}:${round}:${done}`)));
    }
    console.log(`a further lock with ${held} held: ${median(found).toFixed(0)} µs`);
  }
}

async function cpuUs(count: number, work: (done: number) => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  for (let done = 0; done < count; done += 1) await work(done);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

/** Grants every acquire (the only script with an even number of keys) and releases everything, in the words of either version. */
function grantsAtOnce(): typeof fetch {
  let fence = 2 ** 50;
  return (_, init) => {
    const body = typeof init?.body === "string" ? init.body : "[]";
    const [name, , keys] = JSON.parse(body) as unknown[];
    const isAcquire = Number(keys) % 2 === 0;
    if (isAcquire) fence += 1;
    const today = isAcquire ? `GRANTED ${fence}` : "RELEASED";
    // 0.1 sends EVAL, and asks for base64.
    const before = isAcquire ? ["SUCCESS", String(fence), 0, "", 0] : ["SUCCESS", "", 0];
    const encoded = before.map((word) => (typeof word === "string" ? btoa(word) : word));
    return Promise.resolve(Response.json({ result: name === "EVALSHA" ? today : encoded }));
  };
}

async function withOptional(
  optional: Promise<Way | undefined>,
  otherwise: string,
  ways: readonly Way[],
): Promise<readonly Way[]> {
  const way = await optional;
  if (way === undefined) console.log(`(${otherwise}; it is left out.)`);
  return way === undefined ? ways : [...ways, way];
}
