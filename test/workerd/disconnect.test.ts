import { describe, expect, it, vi } from "vitest";
import { call, command } from "./worker-under-test.ts";

/** Sends a request, whose client disconnects once the handler is at work under its lock. */
async function disconnected(path: string, lockKey: string, headers?: HeadersInit): Promise<void> {
  const client = new AbortController();
  const init = { signal: client.signal, ...(headers === undefined ? {} : { headers }) };
  const gone = expect(call("POST", path, init)).rejects.toThrow(/abort/i);
  await vi.waitFor(async () => expect(await command("EXISTS", lockKey)).toBe(1), 10_000);
  client.abort();
  await gone;
}

describe.each(["hono", "web"])(
  "behind leasehold/%s, a handler whose client has disconnected",
  (face) => {
    it("a handler whose client has disconnected still runs its finally and releases its lock", async () => {
      const key = crypto.randomUUID();
      await disconnected(`/test/slow/${face}/${key}`, `lock:${key}`);
      expect(await command("GET", `finally:${key}`), "the work is still running").toBe(null);
      await vi.waitFor(async () => expect(await command("EXISTS", `lock:${key}`)).toBe(0), 10_000);
      expect(await command("GET", `finally:${key}`)).toBe("1");
    });

    it("a response whose client has disconnected is stored, and replayed to the next request", async () => {
      const key = crypto.randomUUID();
      const path = `/test/once/${face}/${key}`;
      const headers = { "idempotency-key": key };
      const lockKey = `lock:once:idempotency::${key}`;
      await disconnected(path, lockKey, headers);
      expect(await command("GET", `finally:${key}`), "the work is still running").toBe(null);
      await vi.waitFor(async () => expect(await command("EXISTS", lockKey)).toBe(0), 10_000);
      const again = await call("POST", path, { headers });
      expect([again.status, await again.text()]).toEqual([201, "done"]);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(await command("GET", `finally:${key}`), "it has run once").toBe("1");
      await command("DEL", `done:idempotency::${key}`);
    });
  },
);

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
