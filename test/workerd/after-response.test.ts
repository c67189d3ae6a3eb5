import { describe, expect, it, vi } from "vitest";
import { LockService } from "../../src/index.ts";
import { unboundedDatabase } from "./redis-client.ts";
import { call, command, json } from "./worker-under-test.ts";

it("work that goes on long after the response is warned in time to report and release", async () => {
  const key = crypto.randomUUID();
  const response = await call("POST", `/test/warned/${key}`);
  expect(response.status).toBe(202);
  const report = await vi.waitFor(async () => {
    const text = await command("GET", `report:${key}`);
    expect(text).not.toBe(null);
    return JSON.parse(String(text)) as unknown;
  }, 20_000);
  expect(report).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ type: "heldAfterResponse", keys: [key] }),
      { type: "requestBudget", requests: 2 },
    ]),
  );
  await vi.waitFor(async () => expect(await command("EXISTS", `lock:${key}`)).toBe(0), 5_000);
});

describe.concurrent(
  "work that continues after the response keeps its lock past several TTLs",
  () => {
    it.each([
      ["in its own waitUntil", "own"],
      ["kept alive only by its lock's waitUntil", "none"],
      [
        "kept alive only by the ambient waitUntil of a service that is bound to no request",
        "ambient",
      ],
    ])("%s", async (_, waitUntil) => {
      const key = crypto.randomUUID();
      const response = await call("POST", `/test/later/${key}/${waitUntil}`);
      expect(response.status).toBe(202);
      const { fence } = await json(response);
      expect(await command("GET", `report:${key}`), "answered before the work").toBe(null);

      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const other = new LockService({ database: unboundedDatabase() });
      expect(await other.tryAcquire(key), "another request, more than a TTL later").toBe(null);

      const report = await vi.waitFor(async () => {
        const text = await command("GET", `report:${key}`);
        expect(text).not.toBe(null);
        return JSON.parse(String(text)) as unknown;
      }, 10_000);
      expect(report).toEqual({ isHeld: true, isLost: false, fence });
      await vi.waitFor(async () => expect(await command("EXISTS", `lock:${key}`)).toBe(0), 10_000);
    });
  },
);
