import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { consumeOnce, type QueueMessage } from "../../src/cloudflare/index.ts";
import { RedisDatabase } from "../../src/index.ts";
import { restRedis } from "../support/rest-redis.ts";
import type { Chore } from "./app.ts";
import { command, frontControl } from "./worker-under-test.ts";

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe("through a real queue", () => {
  /** How often each chore was begun, or given up. */
  const countsOf = async (name: string, chores: readonly Chore[]): Promise<number[]> =>
    Promise.all(chores.map(async ({ id }) => Number(await command("GET", `${name}:${id}`))));
  const queued = (does: Chore["does"], count: number): Chore[] =>
    numbers(count).map(() => ({ id: crypto.randomUUID(), does }));
  const send = (...chores: readonly Chore[]): Promise<unknown> =>
    env.CHORES.sendBatch(chores.map((body) => ({ body })));

  it("each message is handled once, however often it was queued; a poison one is dead-lettered alone", async () => {
    const good = queued("work", 20);
    const poison = queued("fail", 1);
    await send(...good, ...poison, ...good);
    await vi.waitFor(async () => expect(await countsOf("dead-chore", poison)).toEqual([1]), {
      timeout: 60_000,
      interval: 100,
    });
    expect(await countsOf("chore", poison), "1 and 3 retries").toEqual([4]);
    expect(await countsOf("chore", good)).toEqual(good.map(() => 1));
    expect(await countsOf("dead-chore", good)).toEqual(good.map(() => 0));
    await send(...good);
    // The queue keeps the order: what comes after has waited for it.
    const last = queued("work", 1);
    await send(...last);
    await vi.waitFor(async () => expect(await countsOf("chore", last)).toEqual([1]), 60_000);
    expect(await countsOf("chore", good), "queued again later").toEqual(good.map(() => 1));
  });

  it.each(["error-json", "drop-response"] as const)(
    "an outage of Redis (%s) loses no message, and has none handled twice",
    async (kind) => {
      const { UPSTASH_REDIS_REST_TOKEN: token } = env;
      const good = queued("work", 20);
      const hits = async (): Promise<number> =>
        (await frontControl().counters(token)).hits[kind] ?? 0;
      const before = await hits();
      await frontControl().addFault(token, { kind, script: "admit" });
      try {
        await send(...good);
        // Three of them fail one call, and the queue delivers each message four times.
        await vi.waitFor(async () => expect(await hits()).toBeGreaterThan(before + 3), 60_000);
      } finally {
        await frontControl().clearFaults(token);
      }
      const doneKeys = good.map(({ id }) => `done:queue:chores:${id}`);
      await vi.waitFor(async () => expect(await command("EXISTS", ...doneKeys)).toBe(20), 60_000);
      expect(await countsOf("chore", good)).toEqual(good.map(() => 1));
      expect(await countsOf("dead-chore", good)).toEqual(good.map(() => 0));
    },
  );

  it("a consumer that is killed loses no message: what had completed is not handled again, the rest is", async () => {
    const good = queued("work", 20);
    const [victim] = queued("die", 1);
    if (victim === undefined) throw new Error("no victim");
    await send(...good, victim);
    const doneKeys = good.map(({ id }) => `done:queue:chores:${id}`);
    await vi.waitFor(async () => expect(await command("EXISTS", ...doneKeys)).toBe(20), 60_000);
    await command("SET", `told:${victim.id}`, "now", "EX", 60);
    await vi.waitFor(
      async () => expect(await command("EXISTS", `done:queue:chores:${victim.id}`)).toBe(1),
      { timeout: 60_000, interval: 100 },
    );
    expect(await countsOf("chore", [victim]), "killed once, then handled").toEqual([2]);
    expect(await countsOf("chore", good)).toEqual(good.map(() => 1));
    expect(await countsOf("dead-chore", [...good, victim])).toEqual([...good, victim].map(() => 0));
  });
});

describe("a batch as workerd makes it", () => {
  /** Delivers it to a consumer with a session of its own. */
  async function deliver(
    ids: readonly string[],
    handler: (message: QueueMessage<string>) => unknown,
  ): Promise<{ readonly result: unknown; readonly byScript: Record<string, number> }> {
    const { url, token } = await frontControl().openSession();
    const database = new RedisDatabase(restRedis({ url, token }), { prefix: `${token}:` });
    const consume = consumeOnce(() => database, { onError: () => undefined }, handler);
    const timestamp = new Date();
    const batch = createMessageBatch(
      "orders",
      ids.map((id) => ({ id, timestamp, attempts: 1, body: id })),
    );
    const ctx = createExecutionContext();
    await consume(batch, env, ctx);
    const { byScript } = await frontControl().counters(token);
    return { result: await getQueueResult(batch, ctx), byScript };
  }

  it("of a hundred is handled with two requests, and acknowledged", async () => {
    const ids = numbers(100).map((at) => `m${at}`);
    const handled: string[] = [];
    const { result, byScript } = await deliver(ids, ({ body }) => handled.push(body));
    expect(result).toMatchObject({ outcome: "ok", explicitAcks: ids, retryMessages: [] });
    expect(byScript).toEqual({ admit: 1, complete: 1 });
    expect(handled).toEqual(ids);
  });

  it("has each failure retried, and everything else acknowledged", async () => {
    const fail = ({ id }: QueueMessage<string>): void => {
      if (id === "b") throw new Error("poison");
    };
    const { result } = await deliver(["a", "b", "c"], fail);
    expect(result).toMatchObject({ explicitAcks: ["a", "c"], retryMessages: [{ msgId: "b" }] });
  });
});

it("the types are those that wrangler generates", () => {
  interface Order {
    readonly id: string;
  }
  const queue = consumeOnce(
    (bindings: Cloudflare.Env, ctx: ExecutionContext) => {
      void [bindings.CHORES, ctx.props];
      return new RedisDatabase(restRedis({ url: "http://127.0.0.1:1", token: "x" }));
    },
    { key: (order: Order) => order.id },
    async (message, bindings, ctx) => {
      void [message.body.id, bindings.CHORES, ctx.props];
      // @ts-expect-error to have it delivered again, a handler throws
      void message.retry;
    },
  );
  const handler = { queue } satisfies ExportedHandler<Cloudflare.Env, Order>;
  expect(handler.queue).toBeTypeOf("function");
});
