import { expect, it, vi } from "vitest";
import { call, command } from "./worker-under-test.ts";

it("a handler whose client has disconnected still runs its finally and releases its lock", async () => {
  const key = crypto.randomUUID();
  const client = new AbortController();
  const answer = call("POST", `/test/slow/${key}`, { signal: client.signal });
  const gone = expect(answer).rejects.toThrow(/abort/i);
  await vi.waitFor(async () => expect(await command("EXISTS", `lock:${key}`)).toBe(1), 10_000);
  client.abort();
  await gone;
  expect(await command("GET", `finally:${key}`), "the work is still running").toBe(null);
  await vi.waitFor(async () => expect(await command("EXISTS", `lock:${key}`)).toBe(0), 10_000);
  expect(await command("GET", `finally:${key}`)).toBe("ran");
});

it("a client that disconnects while it waits for a lock leaves no lock behind", async () => {
  const key = crypto.randomUUID();
  const owner = { ownerHash: `${key}@other/1.1.0`, processHash: "other/1.1" };
  const record = JSON.stringify({ ...owner, livenessMs: 20_000 });
  await command("SET", `lock:${key}`, record, "PX", 20_000);
  const client = new AbortController();
  const answer = call("POST", `/test/count/${key}`, { signal: client.signal });
  const gone = expect(answer).rejects.toThrow(/abort/i);
  await new Promise((resolve) => setTimeout(resolve, 300));
  client.abort();
  await gone;
  await command("DEL", `lock:${key}`);
  const next = await call("POST", `/test/count/${key}`);
  expect(next.status).toBe(200);
  await vi.waitFor(async () => expect(await command("EXISTS", `lock:${key}`)).toBe(0), 10_000);
});
