import { createServer } from "node:http";
import { inspect } from "node:util";
import { Redis } from "@upstash/redis";
import { describe, expect, it } from "vitest";
import type { FaultSpec } from "../../dev/rest/faults.ts";
import { RedisDatabase, type RedisClient } from "../../src/index.ts";
import { restRedis } from "../support/rest-redis.ts";
import { useDatabase, type DatabaseScene } from "../support/database-scene.ts";

const scenes = useDatabase();

const FAULTS: readonly FaultSpec[] = [
  { kind: "error-json", error: "OOM no", status: 400 },
  { kind: "error-json", error: "LOADING soon", status: 400 },
  { kind: "error-json", error: "something else", status: 500 },
  { kind: "error-html" },
  { kind: "drop-request" },
  { kind: "drop-response" },
  { kind: "cut-body" },
  { kind: "null-result" },
  { kind: "hang" },
];

/** Everything a logger could print about an error: message, stack, causes, hidden properties. */
function printed(error: unknown): string {
  return inspect(error, { depth: 10, showHidden: true, maxStringLength: null });
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    (value) => expect.fail(`resolved with ${inspect(value)}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ name: "DatabaseError" });
  return printed(error);
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** None of these, in plain text or as the client receives them, may appear in an error. */
function secretsOf(scene: DatabaseScene & { rest: { session: { token: string } } }): string[] {
  return [scene.rest.session.token, "redis.call", "-- leasehold", "lock:secret"];
}

async function operations(
  scene: DatabaseScene,
  database: RedisDatabase,
): Promise<{ secrets: string[]; all: (() => Promise<unknown>)[] }> {
  const [holder, other] = [scene.owner("secret-key"), scene.owner("secret-key")];
  await holder.acquire();
  const [{ key, lockData }] = other.claims;
  const times = { ttlMs: 1_000, livenessMs: 1_000 };
  return {
    secrets: [holder.ownerHash, holder.processHash, other.ownerHash, other.processHash],
    all: [
      () => database.acquire({ claims: other.claims, ...times, suspects: holder.suspects }),
      () => database.renew([{ key, lockData, ...times }]),
      () => database.release({ claims: other.claims, fence: 1 }),
      () => database.inspect(key),
      () => database.forceDelete(key, other.ownerHash),
      () => database.tryUpdate(key, lockData, 1_000, other.ownerHash),
    ],
  };
}

describe.each([
  ["one command per request", { enableAutoPipelining: false }],
  ["auto-pipelining", { enableAutoPipelining: true }],
  ["answers in plain text", { enableAutoPipelining: false, responseEncoding: false as const }],
])("with %s", (_, options) => {
  it.each(FAULTS)(
    "R9 no error reveals the command, the token or an owner hash: $kind $error",
    async (fault) => {
      const scene = scenes.open();
      const { session, prefix } = scene.rest;
      const { url, token } = session;
      const redis = new Redis({ url, token, retry: { retries: 0 }, ...options });
      const database = new RedisDatabase(redis, { prefix, requestTimeout: 100 });
      const { secrets, all } = await operations(scene, database);
      session.faults.add(fault);
      for (const operation of all) {
        const text = await failureOf(operation());
        for (const secret of [...secretsOf(scene), ...secrets]) expect(text).not.toContain(secret);
      }
      session.disconnect();
    },
  );
});

it("R9 an answer truncated before the client reads it reveals no holder in the error", async () => {
  const scene = scenes.open();
  const { session, prefix } = scene.rest;
  const authorization = `Bearer ${session.token}`;
  // A proxy that forwards only the beginning of each answer, as a complete response.
  const proxy = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const encoding = String(request.headers["upstash-encoding"] ?? "none");
      const headers = { authorization, "upstash-encoding": encoding };
      const body = Buffer.concat(chunks);
      const answer = await fetch(session.url, { method: "POST", headers, body });
      response.end((await answer.text()).slice(0, -8));
    })();
  });
  await new Promise<void>((resolve) => void proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const url = `http://127.0.0.1:${address.port}`;
  try {
    for (const responseEncoding of ["base64", false] as const) {
      const redis = new Redis({
        url,
        token: "any",
        retry: { retries: 0 },
        enableAutoPipelining: false,
        responseEncoding,
      });
      const database = new RedisDatabase(redis, { prefix });
      const [holder, other] = [scene.owner("k"), scene.owner("k")];
      await holder.acquire();
      const { claims } = other;
      const refused = database.acquire({ claims, ttlMs: 1_000, livenessMs: 1_000, suspects: [] });
      const text = await failureOf(refused);
      expect(text).not.toContain(holder.processHash);
      // The beginning of the record, which contains the owner hash, as encoded on the wire.
      expect(text).not.toContain(base64(`{"ownerHash":"${holder.ownerHash}`).slice(0, 30));
      await holder.release();
    }
  } finally {
    proxy.closeAllConnections();
    await new Promise((resolve) => void proxy.close(resolve));
  }
});

it("R9 a token in a client's error, or in its cause, is not passed on", async () => {
  const scene = scenes.open();
  const { url, token } = scene.rest.session;
  const client: RedisClient = {
    eval: (script, keys, args) =>
      restRedis({ url, token })
        .eval(script.replace("return", "retrun"), keys, args)
        .catch((cause: unknown) => {
          const said = `ERR no, command was: ["EVAL","${script}","${keys.join()}"]`;
          throw Object.assign(new Error(said, { cause }), { config: { token } });
        }),
  };
  const database = new RedisDatabase(client, { prefix: scene.prefix });
  const text = await failureOf(database.inspect("secret"));
  for (const secret of secretsOf(scene)) expect(text).not.toContain(secret);
});
