import * as fc from "fast-check";
import { Hono } from "hono";
import { expect, it } from "vitest";
import { locks, withLock, type GuardVariables, type LocksVariables } from "../../src/hono/index.ts";
import { useRest, type Rest } from "../support/rest.ts";
import { hostileText, isLawful, runs } from "../chaos/arbitraries.ts";

const rests = useRest();
const RUNS = runs(40);

type Guarded = { Variables: LocksVariables & GuardVariables };

/** Guards whose keys come from the request: from the path, a header, a parameter, the body. */
function appOf(rest: Rest, errors: unknown[]): Hono<Guarded> {
  const service = rest.locks();
  const app = new Hono<Guarded>();
  app.use(locks(() => service));
  app.onError((error, c) => {
    errors.push(error);
    return c.text("failed", 500);
  });
  app.all("/path/:id{.*}", withLock({ key: (c) => c.req.param("id") ?? "" }), (c) =>
    c.text("done"),
  );
  app.all("/header", withLock({ key: (c) => c.req.header("x-key") ?? "" }), (c) => c.text("done"));
  app.all("/query", withLock({ key: (c) => c.req.queries("key") ?? [] }), (c) => c.text("done"));
  app.all("/body", withLock({ key: async (c) => c.req.text() }), (c) => c.text("done"));
  return app;
}

const method = fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD");

/** A request that carries the text somewhere; undefined where HTTP cannot. */
const requests: readonly ((text: string, method: string) => Request | undefined)[] = [
  (text, verb) => request(`/path/${encode(text)}`, { method: verb }),
  (text, verb) => request(`/path/${text}`, { method: verb }),
  (text, verb) => request("/header", { method: verb, headers: { "x-key": text } }),
  (text, verb) => request(`/query?key=${encode(text)}&key=b`, { method: verb }),
  (text) => request("/body", { method: "POST", body: text, headers: { "x-key": "a" } }),
];

function request(path: string, init: RequestInit): Request | undefined {
  try {
    return new Request(new URL(path, "http://shop.test"), init);
  } catch {
    return undefined;
  }
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

async function shown(answer: Response): Promise<string> {
  const headers = [...answer.headers].map((pair) => pair.join(": "));
  return [...headers, await answer.text()].join("\n");
}

it("whatever a request contains, the work is done or refused as a bad request; nothing is left locked", async () => {
  const rest = rests.open();
  const errors: unknown[] = [];
  const app = appOf(rest, errors);
  const property = fc.asyncProperty(
    hostileText,
    method,
    fc.constantFrom(...requests),
    async (text, verb, make) => {
      const sent = make(text, verb);
      if (sent === undefined) return;
      const answer = await app.fetch(sent);
      expect(errors).toEqual([]);
      expect([200, 400, 404]).toContain(answer.status);
      if (answer.status === 400) {
        expect(answer.headers.get("content-type")).toBe("application/problem+json");
      }
    },
  );
  await fc.assert(property, RUNS);
});

it("whatever held key a request names, it gets a 409 with Retry-After and nothing about the holder", async () => {
  const rest = rests.open();
  const errors: unknown[] = [];
  const app = appOf(rest, errors);
  const lawful = hostileText.filter((text) => isLawful(text, 1, 1_000));
  const trace = "whoever-holds-it";
  const property = fc.asyncProperty(
    lawful,
    method,
    fc.constantFrom(0, 3, 4),
    async (text, verb, n) => {
      const holder = await rest.locks().acquire(text, { trace, ttl: 60_000 });
      const sent = requests[n]?.(text, verb);
      if (sent !== undefined) {
        const answer = await app.fetch(sent);
        const { status } = answer;
        const told = await shown(answer);
        // A path cannot carry every key.
        if (status !== 409) expect([200, 404, 400]).toContain(status);
        else expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
        for (const secret of [trace, "leasehold/", holder.token, rest.session.token]) {
          expect(told).not.toContain(secret);
        }
        if (n === 4) expect(status).toBe(409);
      }
      await holder.release();
      expect(errors).toEqual([]);
    },
  );
  await fc.assert(property, RUNS);
});

it("whatever error the database returns, the response reveals nothing about it", async () => {
  const rest = rests.open();
  const errors: unknown[] = [];
  const app = appOf(rest, errors);
  const { faults, token } = rest.session;
  const property = fc.asyncProperty(hostileText, async (text) => {
    const error = `NOAUTH ${text} secret-of-the-server ${token}`;
    faults.add({ kind: "error-json", script: "acquire", error, status: 401 });
    const answer = await app.request("/header", { headers: { "x-key": "a" } });
    faults.clear();
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(await shown(answer)).not.toMatch(new RegExp(`secret-of-the-server|${token}`));
    expect(errors).toEqual([]);
  });
  await fc.assert(property, runs(30));
});
