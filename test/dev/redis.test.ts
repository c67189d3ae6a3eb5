import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { afterAll, beforeAll, expect, test as anyTest } from "vitest";
import { findRedis } from "../../dev/redis/binary.ts";
import { freePort } from "../../dev/redis/probe.ts";
import { startRedis } from "../../dev/redis/redis.ts";
import type { RedisServer } from "../../dev/redis/server.ts";
import { eventually, isRunning } from "./eventually.ts";
import { env, onlyBorrowedRedis } from "./own-redis.ts";

const test = anyTest.skipIf(onlyBorrowedRedis);
let folder = "";
const started: RedisServer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "leasehold-test-"));
});

afterAll(async () => {
  await Promise.all(started.map((server) => server.stop()));
  await rm(folder, { recursive: true, force: true });
});

async function start(options: Parameters<typeof startRedis>[0] = {}): Promise<RedisServer> {
  const server = await startRedis({ env, ...options });
  started.push(server);
  return server;
}

async function ask(url: string, ...command: string[]): Promise<string> {
  const client = createClient({ url, RESP: 2, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  try {
    return String(await client.sendCommand<string | string[]>(command));
  } finally {
    client.destroy();
  }
}

async function fakeProgram(name: string, script: string): Promise<string> {
  const bin = await mkdtemp(join(folder, "bin-"));
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, name), 0o755);
  return bin;
}

test("a started server answers, persists nothing and is gone after stop", async () => {
  const server = await start();
  expect(await ask(server.url, "PING")).toBe("PONG");
  expect(await ask(server.url, "CONFIG", "GET", "save")).toBe("save,");
  expect(await ask(server.url, "CONFIG", "GET", "appendonly")).toBe("appendonly,no");
  const { pid = 0 } = server;
  await server.stop();
  await server.stop();
  await eventually("the process is gone", () => !isRunning(pid));
  await expect(ask(server.url, "PING")).rejects.toThrow(/ECONNREFUSED/);
});

test("a restart keeps the port and loses the data", async () => {
  const server = await start();
  await ask(server.url, "SET", "kept", "1");
  await server.restart();
  expect(await ask(server.url, "EXISTS", "kept")).toBe("0");
});

test("a restart after a stop brings the server back", async () => {
  const server = await start();
  await server.stop();
  await server.restart();
  expect(await ask(server.url, "PING")).toBe("PONG");
});

test("a stop called during a restart stops the new server", async () => {
  const server = await start();
  const restarted = server.restart();
  const stopped = server.stop();
  await Promise.all([restarted, stopped]);
  await expect(ask(server.url, "PING")).rejects.toThrow(/ECONNREFUSED/);
});

test("servers started concurrently get different ports", async () => {
  const servers = await Promise.all([1, 2, 3, 4, 5, 6].map(() => start()));
  expect(new Set(servers.map(({ port }) => port)).size).toBe(6);
  await Promise.all(servers.map((server) => server.stop()));
});

test("a server that cannot start rejects with the reason", async () => {
  await expect(start({ args: ["--no-such-setting", "1"] })).rejects.toThrow(/no-such-setting/);
});

test("stop resolves even if the server was killed from outside", async () => {
  const server = await start();
  process.kill(server.pid ?? 0, "SIGKILL");
  await server.stop();
});

test("a redis-server on PATH is preferred, and one that does not work is skipped", async () => {
  const program = await findRedis({ env });
  const library = program.env["LD_LIBRARY_PATH"] ?? "";
  const works = await fakeProgram(
    "redis-server",
    `LD_LIBRARY_PATH='${library}' exec '${program.file}' "$@"`,
  );
  const broken = await fakeProgram("redis-server", "exit 127");
  const PATH = [broken, works, process.env["PATH"]].join(":");
  const server = await start({ env: { ...env, PATH } });
  expect(server.source).toBe("redis-server on PATH");
  expect(await ask(server.url, "PING")).toBe("PONG");
  await server.stop();
});

test("the server at REDIS_URL is used unchanged and left running", async () => {
  const own = await start();
  const server = await startRedis({ env: { ...env, REDIS_URL: own.url } });
  expect(server).toMatchObject({ url: own.url, port: own.port, pid: undefined });
  await ask(own.url, "SET", "mine", "1");
  await expect(server.restart()).rejects.toThrow(/not ours/);
  await server.stop();
  expect(await ask(own.url, "GET", "mine")).toBe("1");
});

test("a REDIS_URL that does not answer is an error that names it, without its password", async () => {
  const REDIS_URL = `redis://:secret@127.0.0.1:${await freePort()}`;
  const failure = startRedis({ env: { ...env, REDIS_URL } });
  await expect(failure).rejects.toThrow(/REDIS_URL is set.*127\.0\.0\.1:\d+ does not answer/);
  await expect(failure).rejects.not.toThrow(/secret/);
});

test("without any Redis to run there is one error that says what to do", async () => {
  const nowhere = join(folder, "empty");
  await mkdir(nowhere, { recursive: true });
  const before = process.env["PATH"];
  // Programs such as apt-get and docker are looked up on the real PATH.
  process.env["PATH"] = nowhere;
  try {
    await expect(findRedis({ cacheFolder: nowhere, env: { PATH: nowhere } })).rejects.toThrow(
      /install redis-server[^]*REDIS_URL/,
    );
  } finally {
    process.env["PATH"] = before;
  }
});

test("a docker client without an engine, even one that hangs, is skipped", async () => {
  const bin = await fakeProgram("docker", "exec /bin/sleep 60");
  const before = process.env["PATH"];
  process.env["PATH"] = bin;
  try {
    await expect(findRedis({ cacheFolder: folder, env: { PATH: bin } })).rejects.toThrow(
      /No Redis to run against/,
    );
  } finally {
    process.env["PATH"] = before;
  }
});
