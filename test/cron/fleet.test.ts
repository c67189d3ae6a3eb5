import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { useRest, type Rest } from "../support/rest.ts";
import type { FleetTask } from "./fleet-member.ts";

const rests = useRest();
const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("fleet-member.ts", import.meta.url));

/** What a process printed, by its kind. */
async function member(
  rest: Rest,
  task: Omit<FleetTask, "url" | "token" | "prefix">,
): Promise<{ readonly ran: readonly string[]; readonly asked: number }> {
  const { url, token } = rest.session;
  const all: FleetTask = { url, token, prefix: rest.prefix, ...task };
  const args = ["--no-warnings", PROGRAM, JSON.stringify(all)];
  const { stdout, stderr } = await run(process.execPath, args, { timeout: 60_000 });
  expect(stderr).toBe("");
  const lines = stdout.trim().split("\n");
  const ran = lines.filter((line) => line.startsWith("ran "));
  const refused = lines.filter((line) => line.startsWith("not-elected "));
  expect(ran.length + refused.length, stdout).toBe(lines.length);
  return { ran, asked: lines.length };
}

it("fifty occurrences run once each in five processes whose clocks are up to 3 s apart", async () => {
  const rest = rests.open();
  const tasks = ["a", "b", "c", "d", "e"];
  // The processes start in the meantime.
  const first = Math.ceil(Date.now() / 1_000) * 1_000 + 9_000;
  const times = Array.from({ length: 10 }, (_, at) => first + at * 1_000);
  const occurrences = times.map((time) => new Date(time).toISOString());
  const last = Math.max(...times);
  const clocks = [0, 750, 1_500, 2_250, 3_000];
  const members = await Promise.all(
    clocks.map((aheadMs) => member(rest, { aheadMs, tasks, last })),
  );
  const ran = members.flatMap((each) => each.ran).toSorted();
  // Those before the first and after the last, at which not all were there, are not twice either.
  expect(ran).toEqual([...new Set(ran)]);
  const expected = tasks.flatMap((name) => occurrences.map((time) => `ran ${name} ${time}`));
  expect(ran.filter((line) => expected.includes(line))).toEqual(expected);
  for (const { asked } of members) expect(asked).toBeGreaterThan(0);
  expect(rest.session.counters.byScript["complete"]).toBe(ran.length);
}, 90_000);
