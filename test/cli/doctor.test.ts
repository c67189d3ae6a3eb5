import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../../dev/redis/probe.ts";
import { startStack, type Stack } from "../../dev/stack.ts";
import { useCommand, withoutStreams, type Where } from "./command.ts";

const leasehold = useCommand();
let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

interface Report {
  readonly status: number | null;
  /** By check. */
  readonly found: Readonly<Record<string, { status: string; message: string; advice?: string }>>;
}

async function doctor(where: Where, ...args: string[]): Promise<Report> {
  const { status, stdout, stderr } = await leasehold(where, ["doctor", "--json", ...args]);
  expect(stderr).toBe("");
  expect(stdout).not.toContain(where.token);
  const { findings } = JSON.parse(stdout) as {
    findings: { check: string; status: string; message: string }[];
  };
  return { status, found: Object.fromEntries(findings.map((one) => [one.check, one])) };
}

it("finds no problem in the local stack, and looks at everything", async () => {
  const { status, found } = await doctor(stack.session);
  expect(status).toBe(0);
  const { persistence, ...others } = found;
  expect(persistence?.status).toMatch(/ok|warning/);
  for (const finding of Object.values(others)) expect(finding).toMatchObject({ status: "ok" });
  expect(Object.keys(others)).toEqual([
    "credentials",
    "round trip",
    "EVAL",
    "EVALSHA",
    "eviction",
    "clock",
    "fence counter",
    "keys",
    "SSE",
  ]);
});

it("tells a wrong token, and never shows it", async () => {
  const { status, found } = await doctor({ url: stack.session.url, token: "wrong-token" });
  expect(status).toBe(1);
  expect(found["round trip"]).toMatchObject({
    status: "problem",
    message: expect.stringContaining("refuses the token"),
    advice: expect.stringContaining("copy the token"),
  });
});

it("tells a host that cannot be reached", async () => {
  const { status, found } = await doctor({
    url: `http://127.0.0.1:${await freePort()}`,
    token: "any-token",
  });
  expect(status).toBe(1);
  expect(found["round trip"]).toMatchObject({
    status: "problem",
    message: expect.stringContaining("could not be reached"),
    advice: expect.stringContaining("check the URL"),
  });
});

it("tells a database that evicts, and which holds foreign text at our counter", async () => {
  const own = await startStack({ args: ["--maxmemory-policy", "allkeys-lru"] });
  try {
    const set = JSON.stringify(["SET", "fence", "foreign \u001B[2J"]);
    const headers = { authorization: `Bearer ${own.session.token}` };
    await fetch(own.session.url, { method: "POST", headers, body: set });
    await fetch(own.session.url, { method: "POST", headers, body: '["SET","lock:theirs","text"]' });
    const { status, found } = await doctor(own.session, "--prefix", "");
    expect(status).toBe(1);
    expect(found["eviction"]).toMatchObject({
      status: "problem",
      message: expect.stringContaining("allkeys-lru"),
      advice: expect.stringContaining("noeviction"),
    });
    expect(found["fence counter"]).toMatchObject({
      status: "problem",
      message: "the key fence holds something else than our counter",
      advice: "remove that key, or choose another prefix",
    });
    expect(found["keys"]).toMatchObject({ status: "warning" });
    expect(JSON.stringify(found)).not.toContain("foreign");
  } finally {
    await own.stop();
  }
});

it("tells a front without event streams, which locks do not need", async () => {
  const { url, server } = await withoutStreams(stack.session.url);
  try {
    const { status, found } = await doctor({ url, token: stack.session.token });
    expect(status).toBe(0);
    expect(found["SSE"]).toMatchObject({
      status: "warning",
      message: "no event stream (HTTP 404)",
      advice: expect.stringContaining("nothing, unless"),
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it("says for people what is wrong, and what to do", async () => {
  const { stdout } = await leasehold({ url: stack.session.url, token: "wrong" }, ["doctor"]);
  expect(stdout).toMatch(/^FAIL +round trip .*\n {6}-> copy the token/m);
});
