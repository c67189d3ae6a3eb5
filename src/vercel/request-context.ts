import { checkOptions, checkType, type OptionNames } from "../check.ts";
import type { RequestContext } from "../lock-options.ts";

/** Options of {@link requestContext}. */
export interface RequestContextOptions {
  /** Next's `after`, of "next/server": takes the place of the platform's `waitUntil`. */
  readonly after?: ((task: Promise<unknown>) => void) | undefined;
}

const OPTIONS: OptionNames<RequestContextOptions> = { after: true };

/** Where Vercel, and a host of Next, keep the context of the request that is being answered. */
const HOLDERS = [Symbol.for("@vercel/request-context"), Symbol.for("@next/request-context")];

/**
 * What Vercel says of the request that is being answered: its `waitUntil`, and the deadline at which it
 * ends the function. To be called inside the request, as one process answers many at once. Elsewhere
 * both are undefined, and change nothing.
 *
 * @throws LockConfigurationError naming the option
 * @example const requestLocks = locks.forRequest(requestContext());
 */
export function requestContext(options: RequestContextOptions = {}): RequestContext {
  checkOptions("requestContext", options, OPTIONS);
  const { after } = options;
  if (after !== undefined) checkType("after", after, "function");
  const context = platformContext();
  const own = isMethod(context, "waitUntil")
    ? (promise: Promise<unknown>): void => void context.waitUntil(promise)
    : undefined;
  return { waitUntil: after ?? own, deadline: dateOf(Reflect.get(context, "deadline")) };
}

function platformContext(): object {
  for (const symbol of HOLDERS) {
    const holder: unknown = Reflect.get(globalThis, symbol);
    if (!isMethod(holder, "get")) continue;
    const context = holder.get();
    if (typeof context === "object" && context !== null) return context;
  }
  return {};
}

function isMethod<Name extends string>(
  value: unknown,
  name: Name,
): value is Record<Name, (...args: readonly unknown[]) => unknown> {
  if (typeof value !== "object" || value === null) return false;
  return typeof Reflect.get(value, name) === "function";
}

/** Vercel writes it as text; what cannot be read as a time is none. */
function dateOf(deadline: unknown): Date | undefined {
  if (typeof deadline !== "string" && typeof deadline !== "number") return undefined;
  const date = new Date(deadline);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
