import type { Redis } from "@upstash/redis/cloudflare";

type Payment = { readonly charge: number; readonly paidAt: string };

export function paymentOf(redis: Redis, order: string): Promise<Payment | null> {
  return redis.hget<Payment>(`order:${order}`, "payment");
}

/**
 * Stands in for a payment provider. Give a real one the order as its idempotency key: a Worker may
 * crash after charging and before recording it.
 */
export async function charge(redis: Redis, order: string, signal: AbortSignal): Promise<Payment> {
  await new Promise((resolve) => setTimeout(resolve, 500));
  signal.throwIfAborted();
  return { charge: await redis.incr(`charges:${order}`), paidAt: new Date().toISOString() };
}

/** KEYS: order. ARGV: fence, payment. Returns 1, or 0 when the same or a newer fence has already written. */
const RECORD = `
local newest = tonumber(redis.call("HGET", KEYS[1], "fence"))
if newest and newest >= tonumber(ARGV[1]) then return 0 end
redis.call("HSET", KEYS[1], "fence", ARGV[1], "payment", ARGV[2])
return 1`;

/** False if rejected: a Worker paused past its TTL believes it holds the lock, but its fence is stale. */
export async function recordPayment(
  redis: Redis,
  order: string,
  payment: Payment,
  fence = 0,
): Promise<boolean> {
  const args = [String(fence), JSON.stringify(payment)];
  return Number(await redis.eval(RECORD, [`order:${order}`], args)) === 1;
}
