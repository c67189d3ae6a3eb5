import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { freePort } from "../../dev/redis/probe.ts";
import { LockService } from "../../src/index.ts";
import { upstash } from "../../src/upstash/index.ts";

function database(origin: string): ReturnType<typeof upstash> {
  return upstash({ UPSTASH_REDIS_REST_URL: origin, UPSTASH_REDIS_REST_TOKEN: "token" });
}

afterEach(() => void vi.restoreAllMocks());

describe("R9 a connection that was never made has not applied anything:", () => {
  it.each([
    ["a refused one", async () => `127.0.0.1:${await freePort()}`, "ECONNREFUSED"],
    // Refused by the resolver itself, without a request to a name server.
    ["a name that does not exist", async () => "no-such..host", "ENOTFOUND"],
  ])("%s", async (_, hostOf, code) => {
    const host = await hostOf();
    await expect(database(`http://${host}`).inspect("a")).rejects.toMatchObject({
      code: "LOCK_DATABASE",
      applied: "no",
      retriable: true,
      message: `The database at ${host} could not be reached (${code})`,
      cause: { name: "TypeError" },
    });
  });

  it("a call says so after three attempts, and has nothing to roll back", async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const send = vi.spyOn(globalThis, "fetch");
    const pledges: Promise<unknown>[] = [];
    const waitUntil = (promise: Promise<unknown>): void => void pledges.push(promise);
    const locks = new LockService({ database: database(`http://${host}`), waitUntil });
    await expect(locks.tryAcquire("a")).rejects.toMatchObject({
      code: "LOCK_ACQUISITION",
      reason: "error",
      message: `Lock "a" could not be acquired: The database at ${host} could not be reached (ECONNREFUSED).`,
    });
    await Promise.all(pledges);
    expect(send).toHaveBeenCalledTimes(3);
  });
});

describe("R9 a request that may have been received is unknown, although its server is gone:", () => {
  it.each([
    ["closed", "destroy"],
    ["reset", "resetAndDestroy"],
  ] as const)("on a connection that was used before, and is %s", async (_, end) => {
    let received = 0;
    const server = createServer((request, response) => {
      request.resume();
      request.on("end", () => {
        received += 1;
        if (received === 1) return void response.end('{"result":["NO_KEY","",0,0,""]}');
        server.close();
        request.socket[end]();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const reused = database(`http://127.0.0.1:${port}`);
    expect(await reused.inspect("a")).toBeNull();
    await expect(reused.inspect("a")).rejects.toMatchObject({ applied: "unknown" });
    expect(received).toBe(2);
    await expect(reused.inspect("a"), "the next").rejects.toMatchObject({ applied: "no" });
  });
});
