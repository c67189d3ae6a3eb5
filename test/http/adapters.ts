import { Hono } from "hono";
import type { LockService } from "../../src/index.ts";
import { idempotency as honoIdempotency, locks } from "../../src/hono/index.ts";
import { idempotency as webIdempotency } from "../../src/web/index.ts";
import type { IdempotencyOptions } from "../../src/http/idempotency.ts";

/** The options that mean the same to every adapter. */
export type Options = Omit<IdempotencyOptions<readonly []>, "scope" | "fingerprint"> & {
  readonly scope?: "public" | ((request: Request) => string);
  readonly fingerprint?: (request: Request) => string;
};

export type Handler = (request: Request) => Response | Promise<Response>;
export type Guarded = (request: Request) => Promise<Response>;

/** A handler behind each adapter, every request with a service of its own. */
export const ADAPTERS: readonly (readonly [
  string,
  (service: () => LockService, options: Options, handler: Handler) => Guarded,
])[] = [
  [
    "Hono",
    (service, { scope = "public", fingerprint, ...options }, handler) => {
      const app = new Hono();
      app.use(locks(() => service()));
      app.all(
        "*",
        honoIdempotency({
          ...options,
          scope: typeof scope === "function" ? (c) => scope(c.req.raw) : scope,
          fingerprint: fingerprint && ((c) => fingerprint(c.req.raw)),
        }),
        (c) => handler(c.req.raw),
      );
      return async (request) => app.fetch(request);
    },
  ],
  [
    "a Fetch handler",
    (service, { scope = "public", ...options }, handler) =>
      webIdempotency({ ...options, scope, locks: () => service() }, handler),
  ],
];

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
