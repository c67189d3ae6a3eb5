import { LockAcquisitionError, LockService } from "leasehold";
import { upstash } from "leasehold/upstash";

// At module level: `next build` evaluates it, without any variables.
export const locks = new LockService({ database: upstash() });

/** 409 when another holds the lock; anything else is Next's to answer. */
export function refuse(error: unknown): Response {
  if (!(error instanceof LockAcquisitionError) || error.reason !== "held") throw error;
  const seconds = Math.max(1, Math.ceil((error.remainingMs ?? 0) / 1000));
  return new Response(null, { status: 409, headers: { "Retry-After": String(seconds) } });
}
