import type { Lock } from "../lock.ts";

/**
 * A Fetch handler: a Next route handler, and what Bun.serve, Deno.serve and Workers call. `R` is what the
 * platform makes of a request, such as NextRequest.
 */
export type FetchHandler<Rest extends readonly unknown[], R extends Request = Request> = (
  request: R,
  ...rest: Rest
) => Response | Promise<Response>;

/** What a handler that runs under a lock finds at its request. */
export interface GuardProperties {
  /** The lock the handler runs under. */
  readonly lock: Lock;
}
