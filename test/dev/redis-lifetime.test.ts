import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test as anyTest } from "vitest";
import { eventually, isRunning } from "./eventually.ts";
import { onlyBorrowedRedis } from "./own-redis.ts";

interface Owner {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly folder: string;
  readonly exited: Promise<unknown[]>;
}

const SCRIPT = fileURLToPath(new URL("redis-owner.ts", import.meta.url));
const children: ChildProcess[] = [];
const test = anyTest.skipIf(onlyBorrowedRedis);

afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
  }
});

async function startOwner(mode: "plain" | "clean" | "stuck" | "stop"): Promise<Owner> {
  const child = spawn(process.execPath, [SCRIPT, mode], { stdio: ["pipe", "pipe", "ignore"] });
  children.push(child);
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const owner: unknown = JSON.parse(line);
    if (isOwned(owner)) {
      return { child, ...owner, exited };
    }
  }
  throw new Error("the owner of the Redis exited before it had one");
}

function isOwned(value: unknown): value is { pid: number; folder: string } {
  return typeof value === "object" && value !== null && "pid" in value && "folder" in value;
}

async function expectNothingLeft({ pid, folder }: Owner): Promise<void> {
  await eventually("the server is gone", () => !isRunning(pid));
  await eventually("its folder is gone", () => !existsSync(folder));
}

test("a SIGKILL of the parent leaves no server and no folder", async () => {
  const owner = await startOwner("plain");
  expect(isRunning(owner.pid)).toBe(true);
  expect(existsSync(owner.folder)).toBe(true);
  owner.child.kill("SIGKILL");
  await owner.exited;
  await expectNothingLeft(owner);
});

test("an uncaught crash of the parent leaves no server and no folder", async () => {
  const owner = await startOwner("plain");
  owner.child.stdin?.write("crash\n");
  expect(await owner.exited).toEqual([1, null]);
  await expectNothingLeft(owner);
});

test("an unhandled signal leaves no server and no folder", async () => {
  const owner = await startOwner("plain");
  owner.child.kill("SIGTERM");
  expect(await owner.exited).toEqual([null, "SIGTERM"]);
  await expectNothingLeft(owner);
});

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  test(`stopOnSignals cleans up on ${signal} before the process exits with ${code}`, async () => {
    const owner = await startOwner("clean");
    owner.child.kill(signal);
    expect(await owner.exited).toEqual([code, null]);
    expect(isRunning(owner.pid)).toBe(false);
    expect(existsSync(owner.folder)).toBe(false);
  });
}

test("a second signal ends the process although the cleanup is stuck, and the server with it", async () => {
  const owner = await startOwner("stuck");
  owner.child.kill("SIGINT");
  // Two equal signals sent at once may be delivered as one.
  const again = setInterval(() => owner.child.kill("SIGTERM"), 50);
  await owner.exited;
  clearInterval(again);
  await expectNothingLeft(owner);
});

test("after stop nothing keeps the process alive", async () => {
  const owner = await startOwner("stop");
  owner.child.stdin?.write("stop\n");
  expect(await owner.exited).toEqual([0, null]);
  expect(isRunning(owner.pid)).toBe(false);
  expect(existsSync(owner.folder)).toBe(false);
});
