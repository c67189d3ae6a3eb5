import { createInterface } from "node:readline/promises";
import type { JobEntry, Listing, LockEntry } from "../listing.ts";
import type { LockService } from "../lock-service.ts";
import { systemRuntime } from "../runtime.ts";
import type { Arguments } from "./arguments.ts";
import { columns, duration, json, safe, table } from "./text.ts";

/** Something was there or was done; or not. */
export type Status = 0 | 1;

export interface Call extends Arguments {
  readonly locks: LockService;
  readonly print: (text: string) => void;
  /** For what is no part of the answer. */
  readonly warn: (text: string) => void;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

export async function ls(call: Call): Promise<Status> {
  const { listing, entries } = await look(call);
  const { cursor, commands } = listing;
  if (call.json) {
    call.print(json({ entries, cursor, commands }));
    return 0;
  }
  call.print(entries.length === 0 ? "Nothing is held or remembered." : table(entries));
  if (cursor !== null)
    call.warn(`Stopped after ${commands} commands; go on with --cursor ${cursor}`);
  return 0;
}

/** Until Ctrl-C. */
export async function watch(call: Call): Promise<Status> {
  const isScreen = process.stdout.isTTY;
  while (!call.signal.aborted) {
    const { listing, entries } = await look(call);
    if (call.json) {
      call.print(json({ entries, cursor: listing.cursor, commands: listing.commands }));
    } else {
      const head = `${new Date().toISOString()}  ${entries.length} entries, ${listing.commands} commands a look; Ctrl-C ends`;
      call.print(`${isScreen ? "\u001B[H\u001B[2J" : ""}${head}\n${table(entries)}`);
    }
    await systemRuntime.sleep(call.interval, call.signal).catch(() => undefined);
  }
  return 0;
}

interface Look {
  readonly listing: Listing;
  readonly entries: readonly (LockEntry | JobEntry)[];
}

/** By key; an entry that came twice, once. */
async function look({ locks, operand: match, cursor, maxCommands, signal }: Call): Promise<Look> {
  const listing = locks.list({ match, cursor, maxCommands, limit: 1_000 });
  const found = new Map<string, LockEntry | JobEntry>();
  for await (const entry of listing) {
    found.set(`${entry.kind}:${entry.key}`, entry);
    if (signal.aborted) break;
  }
  const entries = [...found.values()].toSorted((one, other) => (one.key < other.key ? -1 : 1));
  return { listing, entries };
}

export async function inspect(call: Call): Promise<Status> {
  const { operand: key = "", locks, print } = call;
  const info = await locks.inspect(key);
  if (call.json) {
    print(json(info));
  } else if (info === null) {
    print(`${safe(key)} is free`);
  } else {
    const { remainingMs, ...fields } = info;
    const rows = Object.entries(fields).map(([name, value]) => [name, safe(String(value ?? "-"))]);
    print(columns([["key", safe(key)], ...rows, ["left", duration(remainingMs)]]));
  }
  return info === null ? 1 : 0;
}

export async function release(call: Call): Promise<Status> {
  const { operand: key = "", locks, print } = call;
  const info = await locks.inspect(key);
  if (info === null) return say(call, { released: false }, `${safe(key)} is free`);
  if (!call.yes) {
    const holder = info.trace ?? info.holder ?? "someone unreadable";
    call.warn(
      `${safe(key)} is held by ${safe(holder)} for another ${duration(info.remainingMs)}. Whoever holds it may still be at work.`,
    );
    if (!(await confirmed(call.signal))) return say(call, { released: false }, "Not released.");
  }
  const released = await locks.forceRelease(key);
  if (!released) return say(call, { released }, `${safe(key)} was released meanwhile`);
  print(call.json ? json({ released }) : `${safe(key)} is released`);
  return 0;
}

/** Anything but yes is no, the end of the input included. */
async function confirmed(signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>((resolve) => void lines.once("close", () => resolve("")));
  try {
    const answer = lines.question("Release it? [y/N] ", { signal }).catch(() => "");
    return /^y(?:es)?$/i.test((await Promise.race([answer, ended])).trim());
  } finally {
    lines.close();
  }
}

export async function recall(call: Call): Promise<Status> {
  const { operand: key = "", locks, print } = call;
  const job = await locks.recall(key);
  if (job === null) return say(call, null, `Nothing is remembered of ${safe(key)}`);
  if (call.json) {
    print(json(job));
  } else {
    print(`${safe(key)} completed at ${job.completedAt.toISOString()}`);
    print(job.hasResult ? json(job.result ?? null) : "Its result was not kept.");
  }
  return 0;
}

export async function forget(call: Call): Promise<Status> {
  const { operand: key = "", locks, print } = call;
  const forgotten = await locks.forget(key);
  if (!forgotten) return say(call, { forgotten }, `Nothing is remembered of ${safe(key)}`);
  print(call.json ? json({ forgotten }) : `${safe(key)} is forgotten, and may run again`);
  return 0;
}

function say(call: Call, value: unknown, text: string): Status {
  call.print(call.json ? json(value) : text);
  return 1;
}
