import type { Client } from "./client.ts";
import { isClientFault, isStoreFault, type ClientFault, type StoreFault } from "./plan.ts";
import type { Station, World } from "./world.ts";

/** No fault starts later than this. */
const LAST_CUT_MS = 5_000;

/** Schedules the faults that happen at a given time. */
export function scheduleFaults(world: World): void {
  for (const fault of world.plan.faults) {
    if (isStoreFault(fault)) {
      world.time.at(fault.atMs, undefined, () => hitStore(world, fault));
    } else if (isClientFault(fault)) {
      const station = world.stations.get(fault.client);
      if (station === undefined) continue;
      world.time.at(fault.atMs, undefined, () => hitClient(world, station, fault));
    }
  }
}

function hitClient(world: World, { client, wire }: Station, fault: ClientFault): void {
  const { time } = world;
  const { now } = time;
  const { kind, ms } = fault;
  const isAtWork = client.openRequests > 0 || client.pendingPledges > 0;
  if (client.isDead || !isAtWork) return;
  world.note(() => `c${client.id} ${kind} ${ms}`);
  switch (kind) {
    case "pause":
    case "suspend":
      world.hit(kind);
      client.pause(ms, kind === "suspend");
      return;
    case "freezeClock":
    case "slowClock":
      world.hit(kind);
      client.clock.slow(now, kind === "slowClock" ? 0.4 : 0, "both", now + ms);
      time.after(ms, undefined, () => client.clock.recover(time.now));
      return;
    case "wallForward":
    case "wallBack":
    case "monotonicForward":
    case "monotonicBack":
      world.hit(kind);
      client.clock.jump(
        now,
        kind.startsWith("wall") ? "wall" : "monotonic",
        kind.endsWith("Back") ? -ms : ms,
      );
      return;
    case "kill":
      world.hit(kind);
      client.kill();
      return;
    case "hangUp":
      // Only a promise given to waitUntil keeps a request alive whose client has disconnected.
      world.hit(kind);
      if (client.pendingPledges === 0) client.kill();
      return;
    case "cutOff":
      cutOff(world, client, ms);
      return;
    case "outage":
      wire.cutUntil = Math.max(wire.cutUntil, now + ms);
      return;
    case "repliesLost":
      wire.deafUntil = Math.max(wire.deafUntil, now + ms);
  }
}

/** Once its response is sent, the platform waits `ms` for waitUntil, and no longer. */
function cutOff(world: World, client: Client, ms: number): void {
  if (client.isDead) return;
  if (client.openRequests > 0 || client.pendingPledges === 0) {
    if (world.time.now < LAST_CUT_MS) {
      world.time.after(40, undefined, () => cutOff(world, client, ms));
    }
    return;
  }
  world.time.after(ms, undefined, () => {
    if (client.pendingPledges === 0 || client.openRequests > 0) return;
    world.hit("cutOff");
    client.kill();
  });
}

function hitStore(world: World, { kind, ms, which }: StoreFault): void {
  const { store, time, plan } = world;
  world.note(() => `the store: ${kind} ${ms}`);
  switch (kind) {
    case "restart":
    case "flush": {
      if (store.names().length > 0) world.hit(kind);
      loseAll(world);
      if (kind === "restart") world.storeDownUntil = time.now + ms / 3;
      return;
    }
    case "evict":
      evict(world, which);
      return;
    case "full":
      store.isFull = true;
      time.after(ms, undefined, () => {
        store.isFull = false;
      });
      return;
    case "garbage": {
      const key = plan.keys[which % plan.keys.length] ?? "a";
      const texts = ["[]", "{}", "rubbish", '{"ownerHash":7}'];
      if (store.isFull) return;
      world.hit(kind);
      world.excuse((token) => token.key === key);
      store.set(`lock:${key}`, texts[which % texts.length] ?? "[]", ms);
      return;
    }
    case "foreignFence": {
      const key = plan.keys[which % plan.keys.length] ?? "a";
      if (store.isFull) return;
      world.hit(kind);
      world.excuse((token) => token.key === key);
      const foreign = {
        ownerHash: `${key}@foreign/1.1.0`,
        processHash: "foreign/1.1",
        fence: 9e15,
      };
      store.set("proc:foreign/1.1", "{}", ms);
      store.set(`lock:${key}`, JSON.stringify(foreign), ms);
      return;
    }
    case "counterLags": {
      const counted = Number(store.get("fence") ?? 0);
      if (counted < 1_000 || store.isFull) return;
      world.hit(kind);
      store.set("fence", String(counted - 1 - which), null);
      world.ledger.counterLags = true;
      return;
    }
    case "resultLost": {
      const lost = store.names().filter((name) => name.startsWith("done:"));
      if (lost.length > 0) world.hit(kind);
      world.lose(lost);
      return;
    }
    case "serverForward":
    case "serverBack":
      world.hit(kind);
      stepServer(world, kind === "serverForward" ? ms : -ms);
  }
}

/** Redis lets keys expire by the wall clock of its server. */
function stepServer(world: World, ms: number): void {
  const { ledger, memories, serverSteps, store } = world;
  if (ms > 0) {
    // What expires early is lost, tombstones included; an answer that it is there says nothing of when.
    world.excuse(() => true);
    for (const token of ledger.tokens.values()) token.tombstoneLost = token.expiresEarly = true;
    memories.forgetAll();
    serverSteps.forward += ms;
    return;
  }
  for (const token of ledger.tokens.values()) token.blocksUntil -= ms;
  const there = new Set(store.names());
  serverSteps.back -= ms;
  // What had expired before has been deleted.
  for (const name of store.names()) if (!there.has(name)) store.delete(name);
}

function loseAll(world: World): void {
  const { store, ledger } = world;
  world.excuse(() => true);
  for (const token of ledger.tokens.values()) token.tombstoneLost = true;
  world.memories.forgetAll();
  store.clear();
  ledger.counterLost = true;
}

/** Prefers locks: nearly all names are tombstones. */
function evict(world: World, which: number): void {
  const { store, ledger } = world;
  const names = store.names();
  const sort = ["lock:", "lock:", "proc:", "gone:", "fence"][which % 5] ?? "lock:";
  const choices = names.filter((name) => name.startsWith(sort));
  const name =
    choices[which % Math.max(choices.length, 1)] ?? names[which % Math.max(names.length, 1)];
  if (name === undefined) return;
  world.hit("evict");
  world.note(() => `evicted: ${name}`);
  world.excuse(({ key, ownerHash }) => {
    const process = ownerHash.slice(ownerHash.lastIndexOf("@") + 1).replace(/\.0(?:#.*)?$/, "");
    return name === `lock:${key}` || name === `proc:${process}`;
  });
  world.lose([name]);
  if (name === "fence") ledger.counterLost = true;
}
