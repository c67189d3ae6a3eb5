import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { controlClient } from "../../dev/rest/control-client.ts";
import { startStack } from "../../dev/stack.ts";
import type { Stack } from "../../dev/stack.ts";
import { ownKeys } from "./own-keys.ts";

const NAMED = "-- leasehold:probe\nreturn ARGV[1]";

let stack: Stack;
const { key, removeAll } = ownKeys();

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await removeAll(stack.front);
  await stack.stop();
});

test("ten evals of one tick are one request and ten commands with auto-pipelining, ten and ten without", async () => {
  for (const [enableAutoPipelining, requests] of [
    [true, 1],
    [false, 10],
  ] as const) {
    const session = stack.front.openSession();
    const { url, token, counters } = session;
    const redis = new Redis({ url, token, enableAutoPipelining });
    const evals = Array.from({ length: 10 }, (_, at) => redis.eval(NAMED, [], [`v${at}`]));
    // oxlint-disable-next-line no-await-in-loop
    expect(await Promise.all(evals)).toEqual(evals.map((_, at) => `v${at}`));
    expect(counters.snapshot()).toEqual({
      requests,
      commands: 10,
      applied: 10,
      byName: { eval: 10 },
      byScript: { probe: 10 },
    });
    expect(counters.log).toHaveLength(10);
    expect(counters.log[0]).toMatchObject({ name: "eval", script: "probe" });
    counters.reset();
    expect(counters.snapshot()).toMatchObject({ requests: 0, commands: 0, byName: {} });
    expect(counters.log).toEqual([]);
  }
});

test("a script is named by its first comment line, even after a #! line", async () => {
  const session = stack.front.openSession();
  const redis = new Redis({ url: session.url, token: session.token });
  await redis.eval("#!lua\n-- leasehold:shebang\nreturn 1", [], []);
  await redis.eval("\n  -- somebody else's\nreturn 1", [], []);
  await redis.eval("return 1", [], []);
  expect(session.counters.byScript).toEqual({ shebang: 1, "somebody else's": 1 });
});

test("sessions have separate counters and faults", async () => {
  const [one, two] = [stack.front.openSession(), stack.front.openSession()];
  one.faults.add({ kind: "error-json" });
  const connect = ({ url, token }: { url: string; token: string }): Redis =>
    new Redis({ url, token });
  await expect(connect(one).ping()).rejects.toThrow(/injected fault/);
  expect(await connect(two).ping()).toBe("PONG");
  expect(one.counters.commands).toBe(1);
  expect(two.counters.commands).toBe(1);
});

test("a token cannot be opened twice, and is refused once its session is closed", async () => {
  const session = stack.front.openSession("one-of-a-kind");
  expect(() => stack.front.openSession("one-of-a-kind")).toThrow(/already open/);
  session.close();
  const redis = new Redis({ url: session.url, token: session.token });
  await expect(redis.ping()).rejects.toThrow(/WRONGPASS/);
  stack.front.openSession("one-of-a-kind").close();
});

test("latency is drawn once for every request", async () => {
  const session = stack.front.openSession();
  let draws = 0;
  session.latencyMs = () => {
    draws += 1;
    return 2;
  };
  const redis = new Redis({ url: session.url, token: session.token });
  await redis.ping();
  await redis.ping();
  expect(draws).toBe(2);
});

test("the control plane opens sessions, sets faults and reads counters over HTTP", async () => {
  const control = controlClient(stack.front.url, stack.front.controlToken);
  const { url, token } = await control.openSession();
  const redis = new Redis({ url, token, retry: { retries: 0 } });
  await control.addFault(token, { kind: "drop-request", script: "probe", times: 1 });
  await control.addFault(token, { kind: "error-json", command: "get", error: "from afar" });
  await control.latency(token, 2);
  await expect(redis.eval(NAMED, [], ["x"])).rejects.toThrow(TypeError);
  await expect(redis.get(key())).rejects.toThrow(/from afar/);
  await control.clearFaults(token);
  expect(await redis.get(key("absent"))).toBeNull();
  await control.settled(token);
  await control.disconnect(token);
  expect(await control.counters(token)).toEqual({
    requests: 3,
    commands: 3,
    applied: 1,
    byName: { eval: 1, get: 2 },
    byScript: { probe: 1 },
    hits: { "drop-request": 1, "error-json": 1 },
  });
  await control.reset(token);
  expect(await control.counters(token)).toMatchObject({ requests: 0, hits: {} });
  expect(await control.command("SET", key("by-control"), 1)).toBe("OK");
  expect(await control.command("GET", key("by-control"))).toBe("1");
  await control.closeSession(token);
  await expect(control.counters(token)).rejects.toThrow(/no session/);
});

test("the control plane refuses wrong tokens and invalid requests", async () => {
  const stranger = controlClient(stack.front.url, stack.session.token);
  await expect(stranger.openSession()).rejects.toThrow(/wrong control token/);
  const control = controlClient(stack.front.url, stack.front.controlToken);
  await expect(control.command("NOPE")).rejects.toThrow(/ERR unknown command/);
  await expect(control.openSession(stack.session.token)).rejects.toThrow(/already open/);
});
