import { expect, it } from "vitest";
import { freePort } from "../../dev/redis/probe.ts";
import { useRest } from "../support/rest.ts";
import { useCommand } from "./command.ts";

const rests = useRest();
const leasehold = useCommand();

const ESCAPE = "\u001B[2Jevil\u202E";

it("ls shows locks and jobs, and what a terminal would obey as text", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const lock = await locks.acquire(`order:${ESCAPE}`, { trace: `by ${ESCAPE}` });
  await locks.once("job", () => "a result");
  const { session, prefix } = rest;
  const shown = await leasehold(session, ["ls", "--prefix", prefix]);
  expect(shown).toMatchObject({ status: 0, stderr: "" });
  expect(shown.stdout).toContain("order:\\u{1b}[2Jevil\\u{202e}");
  expect(shown.stdout).toMatch(/^job +completed/m);
  const raw = await leasehold(session, ["ls", "order:*", "--prefix", prefix, "--json"]);
  for (const text of [shown.stdout, raw.stdout]) {
    expect(text).not.toMatch(/[\p{Cf}]/u);
    expect(text).not.toContain("\u001B");
    expect(text).not.toContain(session.token);
  }
  expect(JSON.parse(raw.stdout)).toMatchObject({
    entries: [{ kind: "lock", key: `order:${ESCAPE}`, trace: `by ${ESCAPE}`, fence: lock.fence }],
    cursor: null,
    commands: expect.any(Number),
  });
  await lock.release();
});

it("inspect tells who holds a lock, and by its status whether anybody does", async () => {
  const rest = rests.open();
  const lock = await rest.locks().acquire("a", { trace: "of a test" });
  const inspect = ["inspect", "a", "--prefix", rest.prefix];
  const held = await leasehold(rest.session, inspect);
  expect(held).toMatchObject({ status: 0, stderr: "" });
  expect(held.stdout).toMatch(/^trace +of a test$/m);
  await lock.release();
  expect(await leasehold(rest.session, inspect)).toMatchObject({
    status: 1,
    stdout: "a is free\n",
  });
  const none = await leasehold(rest.session, [...inspect, "--json"]);
  expect(none).toMatchObject({ status: 1, stdout: "null\n" });
});

it("release asks first: only yes releases", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const first = await locks.acquire("a", { trace: ESCAPE });
  const release = ["release", "a", "--prefix", rest.prefix];
  for (const input of ["", "n\n", "yess\n", "\n"]) {
    const kept = await leasehold(rest.session, release, { input });
    expect(kept).toMatchObject({ status: 1, stdout: "Not released.\n" });
    expect(kept.stderr).toContain("Release it? [y/N]");
    expect(kept.stderr).not.toContain("\u001B[2Jevil");
  }
  expect(await locks.isLocked("a")).toBe(true);
  const done = await leasehold(rest.session, release, { input: "y\n" });
  expect(done).toMatchObject({ status: 0, stdout: "a is released\n" });
  expect(await locks.isLocked("a")).toBe(false);
  expect(await leasehold(rest.session, [...release, "--yes"])).toMatchObject({ status: 1 });
  const second = await locks.acquire("a");
  const unasked = await leasehold(rest.session, [...release, "--yes", "--json"]);
  expect(unasked).toEqual({ status: 0, stdout: '{"released":true}\n', stderr: "" });
  for (const lock of [first, second]) await lock.release().catch(() => undefined);
});

it("recall shows what is remembered of a job, and forget forgets it", async () => {
  const rest = rests.open();
  await rest.locks().once("a", () => ({ amount: 17 }));
  const end = ["a", "--prefix", rest.prefix];
  const recalled = await leasehold(rest.session, ["recall", ...end]);
  expect(recalled).toMatchObject({ status: 0, stderr: "" });
  expect(recalled.stdout).toMatch(/^a completed at 20.*\n\{"amount":17\}\n$/);
  expect(await leasehold(rest.session, ["forget", ...end])).toMatchObject({ status: 0 });
  expect(await leasehold(rest.session, ["forget", ...end])).toMatchObject({ status: 1 });
  expect(await leasehold(rest.session, ["recall", ...end])).toMatchObject({ status: 1 });
});

it("watch looks again and again, until Ctrl-C, which is no failure", async () => {
  const rest = rests.open();
  const lock = await rest.locks().acquire("a");
  const watch = ["watch", "--interval", "1", "--prefix", rest.prefix];
  const seen = await leasehold(rest.session, watch, { interruptAt: /^a +held[^]*^a +held/m });
  expect(seen).toMatchObject({ status: 0, stderr: "" });
  await lock.release();
});

it("says how far it came, and goes on from there", async () => {
  const rest = rests.open();
  const names = Array.from({ length: 4_000 }, (_, at) => `${rest.prefix}foreign:${at}`);
  await rest.command("MSET", ...names.flatMap((name) => [name, "foreign"]));
  const ls = ["ls", "--prefix", rest.prefix, "--max-commands", "1"];
  const { status, stderr } = await leasehold(rest.session, ls);
  const [, cursor = ""] = /go on with --cursor (\d+)/.exec(stderr) ?? [];
  expect([status, cursor]).toEqual([0, expect.stringMatching(/^[1-9]/)]);
  const next = await leasehold(rest.session, [...ls, "--cursor", cursor, "--json"]);
  expect(JSON.parse(next.stdout)).toMatchObject({ commands: 1 });
  await rest.command("DEL", ...names);
});

it.each([
  [["lss"], /no command "lss"; did you mean ls\?/],
  [["ls", "--prefx", "a"], /no option --prefx; did you mean --prefix\?/],
  [[], /which command\?/],
  [["release"], /release needs a KEY/],
  [["ls", "a", "b"], /takes one/],
  [["ls", "--interval", "soon"], /--interval must be a number/],
  [["ls"], /UPSTASH_REDIS_REST_URL: is missing/],
])("%j without settings is wrong usage, and says what is right", async (args, message) => {
  const { status, stdout, stderr } = await leasehold(null, args);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(message);
});

it("help and version need no settings", async () => {
  const help = await leasehold(null, ["--help"]);
  expect(help).toMatchObject({ status: 0, stderr: "" });
  expect(help.stdout).toContain("doctor");
  expect(await leasehold(null, ["--version"])).toMatchObject({ status: 0, stderr: "" });
});

it("a database that gives no answer is status 3, without the token", async () => {
  const token = "a-secret-token";
  const url = `http://127.0.0.1:${await freePort()}`;
  const lost = await leasehold({ url, token }, ["inspect", "a"]);
  expect(lost).toMatchObject({ status: 3, stdout: "" });
  expect(lost.stderr).toMatch(/could not be reached/);
  expect(lost.stderr).not.toContain(token);
});
