import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findRedis } from "./binary.ts";
import type { FindRedisOptions } from "./binary.ts";
import { freePort, waitForRedis } from "./probe.ts";
import type { RedisProgram } from "./program.ts";
import type { RedisServer } from "./server.ts";
import { supervise } from "./supervisor.ts";
import type { SupervisedServer } from "./supervisor.ts";
import { ownRedis } from "./url.ts";

export interface StartRedisOptions extends FindRedisOptions {
  /** Further arguments for redis-server, for example `["--maxmemory", "4mb"]`. */
  readonly args?: readonly string[];
}

const BIND_ATTEMPTS = 8;
const PORT_PAUSE_MS = 250;

/** A Redis for this process alone, on loopback, which exits with this process; or the one that REDIS_URL points to. */
export async function startRedis(options: StartRedisOptions = {}): Promise<RedisServer> {
  const { args = [], env = process.env } = options;
  const url = env["REDIS_URL"];
  if (url !== undefined && url !== "") {
    return ownRedis(url);
  }
  const program = await findRedis(options);
  let running = await startOnFreePort(program, args);
  const { port } = running;
  // One at a time: a stop() during a restart must stop the new server, too.
  let last = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    source: program.source,
    get pid() {
      return running.pid;
    },
    stop: () => inTurn(() => running.server.stop()),
    restart: () =>
      inTurn(async () => {
        await running.server.stop();
        running = await startAgain(program, args, port);
      }),
  };
}

interface Running {
  readonly server: SupervisedServer;
  readonly port: number;
  readonly pid: number;
}

async function startOnFreePort(program: RedisProgram, args: readonly string[]): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      // oxlint-disable-next-line no-await-in-loop
      return await startOnPort(program, args, await freePort());
    } catch (error) {
      // Another process may take the port before the server binds it; any other failure would only repeat.
      if (attempt >= BIND_ATTEMPTS || !isPortTaken(error)) {
        throw error;
      }
    }
  }
}

/** A port just freed may be in use for a moment, as the ephemeral port of an outgoing connection. */
async function startAgain(
  program: RedisProgram,
  args: readonly string[],
  port: number,
): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      // oxlint-disable-next-line no-await-in-loop
      return await startOnPort(program, args, port);
    } catch (error) {
      if (attempt >= BIND_ATTEMPTS || !isPortTaken(error)) {
        throw error;
      }
      // oxlint-disable-next-line no-await-in-loop
      await sleep(PORT_PAUSE_MS);
    }
  }
}

async function startOnPort(
  program: RedisProgram,
  args: readonly string[],
  port: number,
): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), "leasehold-redis-"));
  const server = supervise(program, [...program.args(port, folder), ...args], folder);
  try {
    const pid = await server.pid;
    await waitForRedis({
      port,
      ended: server.ended,
      // Without this, another Redis on the same port would be mistaken for ours.
      ...(program.ownProcess ? { processId: pid } : {}),
    });
    return { server, port, pid };
  } catch (cause) {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
    throw new Error(
      `${program.source} did not start on port ${port}: ${String(cause)}\n${server.output()}`,
      { cause },
    );
  }
}

function isPortTaken(error: unknown): boolean {
  return (
    error instanceof Error &&
    /address already in use|port is already allocated/i.test(error.message)
  );
}
