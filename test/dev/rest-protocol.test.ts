import { afterAll, beforeAll, expect, test } from "vitest";
import { startStack } from "../../dev/stack.ts";
import type { Stack } from "../../dev/stack.ts";
import { ownKeys } from "./own-keys.ts";

let stack: Stack;
const { key, removeAll } = ownKeys();

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await removeAll(stack.front);
  await stack.stop();
});

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

interface SendInit {
  readonly method?: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

async function send(path: string, init: SendInit = {}): Promise<Reply> {
  const headers = { authorization: `Bearer ${stack.session.token}`, ...init.headers };
  const response = await fetch(`${stack.front.url}${path}`, { method: "POST", ...init, headers });
  const text = await response.text();
  const body: unknown = text === "" ? undefined : JSON.parse(text);
  return { status: response.status, body };
}

test("a command can be in the path, with its last argument in the body and options in the query", async () => {
  expect(await send(`/set/${key("path:1")}/a%2Fb`, { method: "GET" })).toEqual({
    status: 200,
    body: { result: "OK" },
  });
  expect(await send(`/get/${key("path:1")}`)).toEqual({ status: 200, body: { result: "a/b" } });
  await send(`/set/${key("path:2")}?EX=100`, { body: '{"json":true}' });
  expect(await send(`/get/${key("path:2")}`)).toEqual({
    status: 200,
    body: { result: '{"json":true}' },
  });
  expect(await send(`/persist/${key("path:2")}`)).toEqual({ status: 200, body: { result: 1 } });
});

test("bytes that are not UTF-8 survive in base64 and become replacement characters without", async () => {
  const bytes = Uint8Array.from([0, 255, 254, 10, 128]);
  await send(`/set/${key("bytes")}`, { body: bytes });
  const { body } = await send(`/get/${key("bytes")}`, {
    headers: { "upstash-encoding": "base64" },
  });
  expect(body).toEqual({ result: Buffer.from(bytes).toString("base64") });
  expect(await send(`/get/${key("bytes")}`)).toEqual({
    status: 200,
    body: { result: "\u0000\ufffd\ufffd\n\ufffd" },
  });
});

test("base64 covers every string, nested ones too, but not the status OK", async () => {
  const headers = { "upstash-encoding": "base64" };
  const run = async (...command: string[]): Promise<unknown> =>
    (await send("/", { headers, body: JSON.stringify(command) })).body;
  expect(await run("SET", key("b64"), "v")).toEqual({ result: "OK" });
  expect(await run("GET", key("b64"))).toEqual({ result: "dg==" });
  expect(await run("EVAL", "return {'a',{'OK'},1,false}", "0")).toEqual({
    result: ["YQ==", ["T0s="], 1, null],
  });
});

test("integers beyond 2^53 are exact on the wire", async () => {
  await send(`/set/${key("big")}/9007199254740992`);
  const response = await fetch(
    `${stack.front.url}/incr/${key("big")}?_token=${stack.session.token}`,
  );
  expect(await response.text()).toBe('{"result":9007199254740993}');
  expect(response.headers.get("upstash-sync-token")).not.toBeNull();
});

test("errors have the documented statuses", async () => {
  expect(await send("/", { body: "not json" })).toMatchObject({ status: 400 });
  expect(await send("/", { body: "[]" })).toMatchObject({ status: 400 });
  expect(await send("/", { body: '["GET", {"a":1}]' })).toMatchObject({ status: 400 });
  expect(await send("/", { body: '{"a":1}' })).toMatchObject({ status: 400 });
  expect(await send("/pipeline", { body: '["GET","k"]' })).toMatchObject({ status: 400 });
  expect(await send("/%E0%A4%A")).toMatchObject({ status: 400 });
  expect(await send("//")).toMatchObject({ status: 400 });
  expect(await send("/get/k", { method: "DELETE" })).toMatchObject({ status: 405 });
  expect(await send("/", { body: '["NOPE"]' })).toEqual({
    status: 400,
    body: { error: expect.stringMatching(/^ERR unknown command/) },
  });
});

test("blocking and connection commands are refused, in a pipeline only in their place", async () => {
  for (const command of ["BLPOP k 0", "XREAD BLOCK 0 STREAMS s $", "SELECT 1", "MULTI"]) {
    const body = JSON.stringify(command.split(" "));
    // oxlint-disable-next-line no-await-in-loop
    expect(await send("/", { body })).toEqual({
      status: 400,
      body: { error: expect.stringMatching(/^ERR Command is not available/) },
    });
  }
  const body = JSON.stringify([
    ["SET", key("in-place"), "1"],
    ["BLPOP", "k", "0"],
    ["GET", key("in-place")],
  ]);
  expect((await send("/pipeline", { body })).body).toEqual([
    { result: "OK" },
    { error: "ERR Command is not available: 'BLPOP'" },
    { result: "1" },
  ]);
  expect(await send("/multi-exec", { body })).toMatchObject({ status: 400 });
});

test("a request over 10 MB is refused with Upstash's message", async () => {
  const body = JSON.stringify(["SET", key("large"), "x".repeat(10 * 1024 * 1024)]);
  expect(await send("/", { body })).toEqual({
    status: 413,
    body: { error: expect.stringMatching(/^ERR max request size exceeded/) },
  });
});

test("transactions do not interleave with other requests", async () => {
  const bump = ["INCR", key("turns")];
  const transaction = JSON.stringify(Array.from({ length: 50 }, () => bump));
  const replies = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const { body } = await send("/multi-exec", { body: transaction });
      await send("/", { body: JSON.stringify(bump) });
      return body;
    }),
  );
  for (const reply of replies) {
    const values = results(reply);
    expect(values).toEqual(values.map((_, at) => (values[0] ?? NaN) + at));
  }
});

function results(reply: unknown): number[] {
  return Array.isArray(reply) ? reply.map(({ result }: { result: number }) => result) : [];
}

test("clients that disconnect in the middle do not affect others", async () => {
  const slow = "local n = 0 for i = 1, 3000000 do n = n + i end return n";
  const controllers = Array.from({ length: 20 }, () => new AbortController());
  const requests = controllers.map(({ signal }) =>
    send("/", { body: JSON.stringify(["EVAL", slow, "0"]), signal }),
  );
  const settled = Promise.allSettled(requests);
  for (const controller of controllers) {
    controller.abort();
  }
  await settled;
  expect(await send("/ping")).toEqual({ status: 200, body: { result: "PONG" } });
});
