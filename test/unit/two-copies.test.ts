import path from "node:path";
import { NotFoundException, type HttpServer } from "@nestjs/common";
import { ExceptionsHandler } from "@nestjs/core/exceptions/exceptions-handler.js";
import { ExecutionContextHost } from "@nestjs/core/helpers/execution-context-host.js";
import { build } from "esbuild";
import { Hono } from "hono";
import { describe, expect, it, onTestFinished } from "vitest";
import { locks as honoLocks, withLock } from "../../src/hono/index.ts";
import * as own from "../../src/index.ts";
import { toLockService } from "../../src/lock-source.ts";
import { LockExceptionFilter } from "../../src/nestjs/index.ts";
import type * as testing from "../../src/testing/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

/** Another copy of everything, as when a bundler or npm has duplicated the package. */
const other = (await import(await bundle())) as typeof own & typeof testing;

async function bundle(): Promise<string> {
  const contents = 'export * from "./src/index.ts"; export * from "./src/testing/index.ts";';
  const resolveDir = path.join(import.meta.dirname, "../..");
  const { outputFiles } = await build({
    stdin: { contents, resolveDir, loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    logLevel: "error",
  });
  const [{ contents: code } = { contents: new Uint8Array() }] = outputFiles;
  return `data:text/javascript;base64,${Buffer.from(code).toString("base64")}`;
}

/** A service of the other copy, and the database it uses. */
function openOther(): {
  runtime: ManualRuntime;
  database: testing.FaultyDatabase;
  locks: own.LockService;
} {
  const runtime = new ManualRuntime();
  const memory = new other.MemoryDatabase({ runtime });
  const database = new other.FaultyDatabase(memory, { runtime });
  return { runtime, database, locks: new other.LockService({ database, runtime }) };
}

function appOn(service: own.LockService, handler: () => Promise<void> = async () => {}): Hono {
  const app = new Hono();
  app.use(honoLocks(() => service));
  app.post("/", withLock({ key: "a" }), async (c) => {
    await handler();
    return c.text("done");
  });
  return app;
}

/** The status with which Nest answers a request that threw, in an application with this one filter. */
function nestAnswerTo(filter: LockExceptionFilter, error: unknown): number {
  let status = 0;
  const response = {
    status: (code: number) => ((status = code), response),
    header: () => response,
    send: () => response,
  };
  const handler = new ExceptionsHandler({
    isHeadersSent: () => false,
    reply: (_response: unknown, _body: unknown, code: number) => (status = code),
  } as unknown as HttpServer);
  const exceptionMetatypes = Reflect.getMetadata("__filterCatchExceptions__", LockExceptionFilter);
  handler.setCustomFilters([{ func: filter.catch.bind(filter), exceptionMetatypes }]);
  handler.next(error as Error, new ExecutionContextHost([{}, response]));
  return status;
}

const rejectionOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail("it resolved"),
    (error: unknown) => error,
  );

it("the other copy is one: none of its classes are ours", () => {
  expect(other.LockError).not.toBe(own.LockError);
  expect(other.LockService).not.toBe(own.LockService);
  expect(other.Heartbeater).not.toBe(own.Heartbeater);
});

describe("with two copies of the package", () => {
  it("a refusal by the other is recognized, with its fields", async () => {
    const { locks } = openOther();
    const lock = await locks.acquire("a");
    const error = await rejectionOf(locks.acquire("a", { retry: { maxRetries: 0 } }));
    await lock.release();
    expect(error).not.toBeInstanceOf(own.LockError);
    expect(own.isLockError(error)).toBe(true);
    expect(own.isLockError(error, "LOCK_ACQUISITION") && error.reason).toBe("held");
    expect(own.isHeldByAnother(error)).toBe(true);
    expect(own.isLockError(error, "LOCK_LOST")).toBe(false);
  });

  it("a service uses a database of the other, and knows what its failures mean", async () => {
    const { database, runtime } = openOther();
    const locks = new own.LockService({ database, runtime });
    await locks.withLock("a", (lock) => lock.assertHeld());
    database.inject({ kind: "fail", operations: ["acquire"], times: 1, definite: true });
    const failing = rejectionOf(locks.tryAcquire("a"));
    await runtime.advance(10_000);
    const error = await failing;
    expect(error).toMatchObject({ reason: "error", cause: { applied: "no" } });
  });

  it("toLockService takes a service and a database of the other", async () => {
    const { locks, database } = openOther();
    expect(toLockService(locks)).toBe(locks);
    expect(await toLockService(database).isLocked("a")).toBe(false);
  });

  it("a Locker uses a database of the other", async () => {
    const { database, runtime } = openOther();
    const locker = new own.Locker({ database, runtime });
    const outcome = await locker.acquireAndRun("a", async (heartbeater) => heartbeater.heartbeat());
    expect(outcome.status).toBe("SUCCESS");
  });

  it("setDraining of one drains the jobs of the other", async () => {
    onTestFinished(() => own.Heartbeater.setDraining(null));
    for (const [one, another] of [
      [own, other],
      [other, own],
    ] as const) {
      one.Heartbeater.setDraining("deploy");
      const job = new another.NoopHeartbeater();
      await expect(job.heartbeat()).rejects.toThrow(/draining: deploy/);
      another.Heartbeater.setDraining(null);
      await new one.NoopHeartbeater().heartbeat();
    }
  });

  it("Hono's guard runs under a service of the other, and refuses for it", async () => {
    const { locks } = openOther();
    expect((await appOn(locks).request("/", { method: "POST" })).status).toBe(200);
    const lock = await locks.acquire("a");
    expect((await appOn(locks).request("/", { method: "POST" })).status).toBe(409);
    await lock.release();
  });

  it("R12 Hono's guard lets a response stand whose release was not confirmed in time", async () => {
    const { locks, runtime, database } = openOther();
    database.inject({ kind: "loseReply", operations: ["release"], times: 2 });
    const answer = appOn(locks).request("/", { method: "POST" });
    await runtime.advance(60_000);
    expect((await answer).status).toBe(200);
  });

  it("R12 Hono's guard replaces a response after a loss", async () => {
    const { locks } = openOther();
    const handler = async (): Promise<void> => void (await locks.forceRelease("a"));
    const answer = await appOn(locks, handler).request("/", { method: "POST" });
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ detail: expect.stringContaining("uncertain") });
  });

  it("Nest has its filter answer for errors of both, and answers all others itself", async () => {
    const { locks } = openOther();
    const lock = await locks.acquire("a");
    const refusal = await rejectionOf(locks.acquire("a", { retry: { maxRetries: 0 } }));
    await lock.release();
    const invalid = await rejectionOf(
      new own.LockService({ database: openOther().database }).acquire(""),
    );
    const statusOf = (error: unknown): number => nestAnswerTo(new LockExceptionFilter(), error);
    expect(refusal).not.toBeInstanceOf(own.LockError);
    expect(statusOf(refusal)).toBe(409);
    expect(statusOf(invalid)).toBe(400);
    expect(statusOf(new NotFoundException())).toBe(404);
  });
});
