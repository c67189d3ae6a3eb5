import { describe, expect, it, vi } from "vitest";
import { call, command } from "./worker-under-test.ts";

describe('hold: "response"', () => {
  it("keeps the lock until the body is sent, also when a middleware changes its headers", async () => {
    const key = crypto.randomUUID();
    const response = await call("GET", `/test/streamed/${key}/kept`);
    expect(response.headers.get("x-then")).toBe("kept");
    expect(await command("EXISTS", `lock:${key}`)).toBe(1);
    await command("SET", `told:${key}`, 1, "EX", 60);
    expect(await response.text()).toBe("one two");
    await vi.waitFor(async () => expect(await command("EXISTS", `lock:${key}`)).toBe(0), 10_000);
  });

  it("releases the lock when a middleware replaces the response", async () => {
    const key = crypto.randomUUID();
    const response = await call("GET", `/test/streamed/${key}/replaced`);
    expect(await response.text()).toBe("another");
    expect(await command("EXISTS", `lock:${key}`)).toBe(0);
    await command("SET", `told:${key}`, 1, "EX", 60);
  });
});
