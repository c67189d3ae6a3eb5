import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Redis } from "@upstash/redis";
import { Redis as CloudflareRedis } from "@upstash/redis/cloudflare";
import { expect, it, vi } from "vitest";
import { LockService, RedisDatabase } from "../../src/index.ts";
import app from "./app.ts";
import { call, command } from "./worker-under-test.ts";

const credentials = { url: env.UPSTASH_REDIS_REST_URL, token: env.UPSTASH_REDIS_REST_TOKEN };

it.each([
  ["@upstash/redis", () => new Redis(credentials)],
  ["@upstash/redis/cloudflare", () => new CloudflareRedis(credentials)],
])("locks work in workerd over %s with its defaults", async (_, client) => {
  const locks = new LockService({ database: new RedisDatabase(client()) });
  const key = crypto.randomUUID();
  const held = await locks.withLock(key, async (lock) => {
    expect(await locks.tryAcquire(key)).toBe(null);
    return lock.isHeld();
  });
  expect(held).toBe(true);
  expect(await locks.isLocked(key)).toBe(false);
});

it("a guarded request gives waitUntil a promise that settles with the release", async () => {
  const key = crypto.randomUUID();
  const ctx = createExecutionContext();
  const waitUntil = vi.spyOn(ctx, "waitUntil");
  const request = new Request(`http://worker.test/test/count/${key}`, { method: "POST" });
  const response = await app.fetch(request, env, ctx);
  expect(response.status).toBe(200);
  expect(waitUntil).toHaveBeenCalled();
  await waitOnExecutionContext(ctx);
  expect(await command("EXISTS", `lock:${key}`)).toBe(0);
});

it("a waitUntil detached from its context is a LockConfigurationError that says what to do", async () => {
  const key = crypto.randomUUID();
  const response = await call("POST", `/test/unbound-wait-until/${key}`);
  expect(await response.text()).toMatch(
    /^waitUntil: threw; call it inside a request, and pass the platform's context itself/,
  );
  expect(await command("EXISTS", `lock:${key}`), "nothing was sent").toBe(0);
});
