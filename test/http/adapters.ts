import { Hono } from "hono";
import type { Lock, LockService } from "../../src/index.ts";
import {
  idempotency as honoIdempotency,
  locks,
  withLock as honoWithLock,
} from "../../src/hono/index.ts";
import {
  idempotency as webIdempotency,
  withLock as webWithLock,
  type GuardProperties,
} from "../../src/web/index.ts";
import type { HttpGuardOptions } from "../../src/http/guard-options.ts";
import type { IdempotencyOptions } from "../../src/http/idempotency.ts";

export type Send = (request: Request) => Promise<Response>;

/** The options of the guard, whose functions are called with a request. */
export type GuardOptions = HttpGuardOptions<Request>;

/** The options of `idempotency`, likewise. */
export type Options = Omit<IdempotencyOptions<readonly []>, "scope" | "fingerprint"> & {
  readonly scope?: "public" | ((request: Request) => string);
  readonly fingerprint?: (request: Request) => string;
};

/** A handler that finds the lock it runs under at its request, or nowhere. */
export type Handler = (request: Request & Partial<GuardProperties>) => Response | Promise<Response>;

/** A handler behind each adapter, every request with a service of its own. */
export interface Adapter {
  guard(service: () => LockService, options: GuardOptions, handler: Handler): Send;
  idempotency(service: () => LockService, options: Options, handler: Handler): Send;
}

const HONO: Adapter = {
  guard(service, { key, trace, onLocked, onLost, ...options }, handler) {
    const guard = honoWithLock({
      ...options,
      key: typeof key === "function" ? (c) => key(c.req.raw) : key,
      trace: typeof trace === "function" ? (c) => trace(c.req.raw) : trace,
      onLocked:
        typeof onLocked === "function" ? (c, error) => onLocked(c.req.raw, error) : onLocked,
      onLost: typeof onLost === "function" ? (c, error) => onLost(c.req.raw, error) : onLost,
    });
    const app = new Hono<{ Variables: { lock: Lock | undefined } }>();
    app.onError(failed);
    app.use(locks(() => service()));
    app.all("*", guard, (c) => handler(at(c.req.raw, c.var.lock)));
    return async (request) => app.fetch(request);
  },
  idempotency(service, { scope = "public", fingerprint, ...options }, handler) {
    const once = honoIdempotency({
      ...options,
      scope: typeof scope === "function" ? (c) => scope(c.req.raw) : scope,
      fingerprint: fingerprint && ((c) => fingerprint(c.req.raw)),
    });
    const app = new Hono<{ Variables: { lock?: Lock } }>();
    app.onError(failed);
    app.use(locks(() => service()));
    app.all("*", once, (c) => handler(at(c.req.raw, c.var.lock)));
    return async (request) => app.fetch(request);
  },
};

const FETCH: Adapter = {
  guard: (service, options, handler) =>
    answering(webWithLock({ ...options, locks: () => service() }, handler)),
  idempotency: (service, { scope = "public", ...options }, handler) =>
    answering(webIdempotency({ ...options, scope, locks: () => service() }, handler)),
};

export const ADAPTERS = [
  ["Hono", HONO],
  ["a Fetch handler", FETCH],
] as const;

function at(request: Request, lock: Lock | undefined): Request & Partial<GuardProperties> {
  return lock === undefined ? request : Object.assign(request, { lock });
}

/** What a platform makes of an error. */
function failed(error: Error): Response {
  return new Response(`${error.name}: ${error.message}`, { status: 500 });
}

function answering(handler: Send): Send {
  return (request) => handler(request).catch((error: unknown) => failed(error as Error));
}

/** A request with a key, as a client sends it. */
export function post(
  key: string | undefined,
  { body = "{}", path = "/orders", method = "POST", headers = {} }: PostOptions = {},
): Request {
  return new Request(`http://shop.example${path}`, {
    method,
    headers: { ...(key === undefined ? {} : { "idempotency-key": key }), ...headers },
    ...(method === "POST" || method === "PATCH" ? { body } : {}),
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  });
}

interface PostOptions {
  readonly body?: BodyInit;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}
