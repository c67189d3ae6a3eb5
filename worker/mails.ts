import { consumeOnce, type QueueBatch } from "leasehold/cloudflare";
import type { RequestContext } from "leasehold";
import { upstash } from "leasehold/upstash";
import type { Bindings } from "./bindings.ts";
import { redisOf } from "./redis.ts";

export interface Mail {
  readonly id: string;
  readonly to: string;
}

// Each mail once, however often it was queued or is delivered. One that cannot be sent is delivered
// again, and in the end put into the dead letter queue; it keeps no other from being sent.
const send = consumeOnce(
  (env: Bindings) => upstash(env),
  { key: (mail: Mail) => mail.id, retry: { initialDelay: 1_000 } },
  async ({ body }, env) => {
    if (!body.to.includes("@")) throw new Error("this is no address");
    await redisOf(env).incr(`mails:${body.id}`);
  },
);

// The dead letter queue: for somebody to look at.
const complain = consumeOnce(
  (env: Bindings) => upstash(env),
  { key: (mail: Mail) => mail.id },
  ({ body }, env) => redisOf(env).incr(`dead-mails:${body.id}`),
);

/** Messages of all queues come to the same handler. */
export function queue(batch: QueueBatch<Mail>, env: Bindings, ctx: RequestContext): Promise<void> {
  return batch.queue === "mails" ? send(batch, env, ctx) : complain(batch, env, ctx);
}
