import { describe, expectTypeOf, it } from "vitest";
import { LockService, type Lock } from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { idempotency, withLock, type GuardProperties } from "../../src/web/index.ts";

const locks = new LockService({ database: new MemoryDatabase() });
const done = (): Response => new Response("done");

/** What a framework makes of a request, as NextRequest and BunRequest are. */
interface PlatformRequest extends Request {
  readonly params: { readonly id: string };
}
interface Env {
  readonly tenant: string;
}

describe("the types of the guard", () => {
  it("know where request.lock may be missing", () => {
    withLock({ locks, key: "k" }, (request) => {
      expectTypeOf(request.lock).toEqualTypeOf<Lock>();
      return done();
    });
    withLock({ locks, key: (request) => request.url }, (request) => {
      expectTypeOf(request.lock).toEqualTypeOf<Lock>();
      return done();
    });
    withLock({ locks, key: (request) => request.headers.get("x-key") }, (request) => {
      expectTypeOf(request.lock).toEqualTypeOf<Lock | undefined>();
      return done();
    });
    withLock({ locks, key: "k", onUnavailable: "continue" }, (request) => {
      expectTypeOf(request.lock).toEqualTypeOf<Lock | undefined>();
      return done();
    });
  });

  it("keep what the platform calls a handler with", () => {
    const guarded = withLock({ locks, key: "k" }, (_request: PlatformRequest, env: Env) =>
      Response.json(env.tenant),
    );
    expectTypeOf(guarded).toEqualTypeOf<
      (request: PlatformRequest, env: Env) => Promise<Response>
    >();
    const plain = withLock({ locks, key: "k" }, done);
    expectTypeOf(plain).toBeCallableWith(new Request("http://shop.example"));
    const once = idempotency({ locks, scope: "public" }, (_request: PlatformRequest, env: Env) =>
      Response.json(env.tenant),
    );
    expectTypeOf(once).toEqualTypeOf<(request: PlatformRequest, env: Env) => Promise<Response>>();
  });

  it("know the request from where the handler is used, as among the routes of Bun.serve", () => {
    const routes: Record<string, (request: PlatformRequest) => Promise<Response>> = {
      "/orders/:id": withLock({ locks, key: (request) => request.params.id }, (request) =>
        Response.json([request.params.id, request.lock.fence]),
      ),
    };
    expectTypeOf(routes).toBeObject();
  });

  it("let a handler say what it needs", () => {
    const handler = (request: PlatformRequest & GuardProperties): Response =>
      Response.json([request.params.id, request.lock.fence]);
    const guarded = withLock({ locks, key: "k" }, handler);
    expectTypeOf<PlatformRequest>().toExtend<Parameters<typeof guarded>[0]>();
    const passing = withLock({ locks, key: () => null }, handler);
    // The guard may let a request pass without the lock that the handler needs.
    expectTypeOf<PlatformRequest>().not.toExtend<Parameters<typeof passing>[0]>();
  });

  it("refuse what is no option", () => {
    const signal = new AbortController().signal;
    // @ts-expect-error: it is the signal of the request that ends the wait.
    const wrong = (): unknown => withLock({ locks, key: "k", signal }, done);
    // @ts-expect-error: there is no guard without a key.
    const missing = (): unknown => withLock({ locks }, done);
    expectTypeOf([wrong, missing]).toBeArray();
  });
});
