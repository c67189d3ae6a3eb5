import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { RestSession } from "../../dev/rest/session.ts";
import { startStack } from "../../dev/stack.ts";
import type { Stack } from "../../dev/stack.ts";
import { eventually } from "./eventually.ts";
import { gate } from "./gate.ts";
import { ownKeys } from "./own-keys.ts";

const BUMP = "-- leasehold:bump\nreturn redis.call('INCR', KEYS[1])";

let stack: Stack;
let session: RestSession;
let key = "";
const keys = ownKeys();

beforeAll(async () => {
  stack = await startStack();
});

beforeEach(() => {
  session = stack.front.openSession();
  key = keys.key();
});

afterAll(async () => {
  await keys.removeAll(stack.front);
  await stack.stop();
});

/** Sends only once: the client's own retries would hide what happened to the first send. */
function client(signal?: AbortSignal): Redis {
  const { url, token } = session;
  return new Redis({ url, token, retry: { retries: 0 }, ...(signal && { signal: () => signal }) });
}

function bump(): Promise<unknown> {
  return client().eval(BUMP, [key], []);
}

/** Read outside the session, so that no fault or counter is affected. */
async function stored(): Promise<number> {
  const other = stack.front.openSession();
  const redis = new Redis({ url: other.url, token: other.token });
  const value = await redis.get<number>(key);
  other.close();
  return value ?? 0;
}

test("drop-request: the client fails and nothing is applied", async () => {
  session.faults.add({ kind: "drop-request", times: 1 });
  await expect(bump()).rejects.toThrow(TypeError);
  expect(await stored()).toBe(0);
  expect(await bump()).toBe(1);
  expect(session.faults.hits).toEqual({ "drop-request": 1 });
});

test("drop-response: the client fails although the command was applied", async () => {
  session.faults.add({ kind: "drop-response", times: 1 });
  await expect(bump()).rejects.toThrow(TypeError);
  expect(await stored()).toBe(1);
});

test("drop-response: a client that retries applies its command twice", async () => {
  session.faults.add({ kind: "drop-response", times: 1 });
  const { url, token } = session;
  const redis = new Redis({ url, token, retry: { retries: 1, backoff: () => 0 } });
  expect(await redis.eval(BUMP, [key], [])).toBe(2);
});

test("delay-request: nothing is applied before the gate opens", async () => {
  const { opened, open } = gate();
  session.faults.add({ kind: "delay-request", times: 1, until: opened });
  const reply = bump();
  await eventually("the request has arrived", () => session.counters.requests === 1);
  expect(await stored()).toBe(0);
  open();
  expect(await reply).toBe(1);
});

test("delay-response: applied at once, answered when the gate opens", async () => {
  const { opened, open } = gate();
  session.faults.add({ kind: "delay-response", times: 1, until: opened });
  const reply = bump();
  await eventually("the command is applied", async () => (await stored()) === 1);
  open();
  expect(await reply).toBe(1);
});

test("hang: no answer until the client disconnects, applied only if `apply`", async () => {
  for (const apply of [false, true]) {
    const leave = new AbortController();
    session.faults.add({ kind: "hang", times: 1, apply });
    const before = session.counters.requests;
    const reply = client(leave.signal).eval(BUMP, [key], []);
    const failed = expect(reply).rejects.toThrow(/abort/i);
    const arrived = (): boolean => session.counters.requests > before;
    // oxlint-disable-next-line no-await-in-loop
    await eventually("the request has arrived", arrived);
    // oxlint-disable-next-line no-await-in-loop
    await eventually("applied only if `apply`", async () => (await stored()) === (apply ? 1 : 0));
    leave.abort();
    // oxlint-disable-next-line no-await-in-loop
    await failed;
  }
});

test("cut-body: applied, and the body is truncated", async () => {
  session.faults.add({ kind: "cut-body", times: 1 });
  const { url, token } = session;
  const body = JSON.stringify(["EVAL", BUMP, "1", key]);
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(url, { method: "POST", body, headers });
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
  expect(await stored()).toBe(1);
  session.faults.add({ kind: "cut-body", times: 1 });
  await expect(bump()).rejects.toThrow();
});

test("error-json: a JSON error with the given status and text, not applied unless `apply`", async () => {
  session.faults.add({ kind: "error-json", times: 1, status: 503, error: "busy elsewhere" });
  await expect(bump()).rejects.toThrow(/busy elsewhere/);
  expect(await stored()).toBe(0);
  session.faults.add({ kind: "error-json", times: 1, apply: true });
  await expect(bump()).rejects.toThrow(/injected fault/);
  expect(await stored()).toBe(1);
});

test("error-html: a page instead of JSON, not applied unless `apply`", async () => {
  session.faults.add({ kind: "error-html", times: 1 });
  await expect(bump()).rejects.toThrow(/Bad Gateway/);
  expect(await stored()).toBe(0);
  session.faults.add({ kind: "error-html", times: 1, apply: true });
  await expect(bump()).rejects.toThrow(/Bad Gateway/);
  expect(await stored()).toBe(1);
});

test("duplicate: applied twice, answered with either reply", async () => {
  session.faults.add({ kind: "duplicate", times: 1 });
  expect(await bump()).toBe(1);
  expect(await stored()).toBe(2);
  session.faults.add({ kind: "duplicate", times: 1, reply: "second" });
  expect(await bump()).toBe(4);
  expect(session.counters.snapshot()).toMatchObject({ requests: 2, commands: 2, applied: 4 });
});

test("duplicate: a late second delivery comes after the answer", async () => {
  const { opened, open } = gate();
  session.faults.add({ kind: "duplicate", times: 1, until: opened });
  expect(await bump()).toBe(1);
  expect(await stored()).toBe(1);
  open();
  await session.settled();
  expect(await stored()).toBe(2);
});

test("hold-late: the client fails now, the command is applied later", async () => {
  const { opened, open } = gate();
  session.faults.add({ kind: "hold-late", times: 1, until: opened });
  await expect(bump()).rejects.toThrow(TypeError);
  expect(await stored()).toBe(0);
  open();
  await session.settled();
  expect(await stored()).toBe(1);
  session.faults.add({ kind: "hold-late", times: 1, ms: 1 });
  await expect(bump()).rejects.toThrow(TypeError);
  await session.settled();
  expect(await stored()).toBe(2);
});

test("hold-late: a closed session drops what it still holds", async () => {
  session.faults.add({ kind: "hold-late", times: 1, until: new Promise(() => {}) });
  await expect(bump()).rejects.toThrow(TypeError);
  session.close();
  await session.settled();
  expect(await stored()).toBe(0);
});

test("null-result: null instead of the reply, not applied unless `apply`", async () => {
  session.faults.add({ kind: "null-result", times: 1 });
  expect(await bump()).toBeNull();
  expect(await stored()).toBe(0);
  session.faults.add({ kind: "null-result", times: 1, apply: true });
  expect(await bump()).toBeNull();
  expect(await stored()).toBe(1);
});

test("a fault hits only what it matches, by command, script or predicate", async () => {
  const dropped = { kind: "drop-request" } as const;
  const misses = [
    session.faults.add({ ...dropped, match: "get" }),
    session.faults.add({ ...dropped, script: "acquire" }),
    session.faults.add({ ...dropped, match: { command: "eval", script: "acquire" } }),
    session.faults.add({ ...dropped, match: { where: ({ args }) => args.includes("elsewhere") } }),
  ];
  expect(await bump()).toBe(1);
  const hits = [
    { ...dropped, match: "EVAL" },
    { ...dropped, match: "bump" },
    { ...dropped, command: "eval" },
    { ...dropped, match: { where: ({ name }: { name: string }) => name === "eval" } },
  ];
  for (const spec of hits) {
    const remove = session.faults.add(spec);
    // oxlint-disable-next-line no-await-in-loop
    await expect(bump()).rejects.toThrow(TypeError);
    remove();
  }
  expect(misses).toHaveLength(4);
  expect(await bump()).toBe(2);
  await expect(client().get(key)).rejects.toThrow(TypeError);
  session.faults.clear();
  expect(await client().get(key)).toBe(2);
});

test("a probability draws from the given numbers, and delays combine with another fault", async () => {
  const numbers = [0.9, 0.1];
  const random = (): number => numbers.shift() ?? 1;
  session.faults.add({ kind: "delay-request", ms: 1 });
  session.faults.add({ kind: "drop-request", probability: 0.5, random });
  expect(await bump()).toBe(1);
  await expect(bump()).rejects.toThrow(TypeError);
  expect(await bump()).toBe(2);
  expect(session.faults.hits).toEqual({ "delay-request": 3, "drop-request": 1 });
});

test("faults apply to subscriptions, and disconnect drops a live one", async () => {
  const { url, token } = session;
  const subscribe = (): Promise<Response> =>
    fetch(`${url}/subscribe/faulty`, { headers: { authorization: `Bearer ${token}` } });
  session.faults.add({ kind: "drop-request", match: "subscribe", times: 1 });
  await expect(subscribe()).rejects.toThrow(TypeError);
  const response = await subscribe();
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  session.disconnect();
  await expect(response.text()).rejects.toThrow();
});
