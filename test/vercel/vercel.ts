import { AsyncLocalStorage } from "node:async_hooks";
import { afterAll, beforeAll } from "vitest";

/** What a function finds under the symbol: https://github.com/vercel/vercel (packages/functions). */
interface Context {
  readonly deadline?: unknown;
  waitUntil?(promise: Promise<unknown>): void;
}

/** One invocation of a function. */
export interface Invocation {
  /** What it gave to `waitUntil`: Vercel lets the function live until these have settled. */
  readonly pledges: Promise<unknown>[];
  run<T>(handler: () => T): T;
}

/**
 * Vercel's request context, as the runtime keeps it: one for each of the requests that a process answers
 * at once, under a well-known symbol of `globalThis`.
 */
export function useVercel(name = "@vercel/request-context"): {
  readonly open: (context?: Context) => Invocation;
} {
  const symbol = Symbol.for(name);
  const requests = new AsyncLocalStorage<Context>();
  beforeAll(() => {
    // As a method of its holder, as the platform's own may be.
    const holder = { requests, get: () => holder.requests.getStore() };
    Reflect.set(globalThis, symbol, holder);
  });
  afterAll(() => {
    Reflect.deleteProperty(globalThis, symbol);
  });
  return {
    open(context = {}) {
      const pledges: Promise<unknown>[] = [];
      const own = {
        pledges,
        waitUntil(promise: Promise<unknown>): void {
          // Detached from its context it fails, as the platform's own may.
          this.pledges.push(promise);
        },
        ...context,
      };
      return { pledges, run: (handler) => requests.run(own, handler) };
    },
  };
}
