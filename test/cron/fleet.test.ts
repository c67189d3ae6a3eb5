import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { useRest, type Rest } from "../support/rest.ts";
import type { FleetTask } from "./fleet-member.ts";

const rests = useRest();
const PROGRAM = fileURLToPath(new URL("fleet-member.ts", import.meta.url));

/** A process that is ready; `runUntil` resolves with what it printed, by its kind. */
interface Member {
  readonly runUntil: (
    last: number,
  ) => Promise<{ readonly ran: readonly string[]; readonly asked: number }>;
}

async function startMember(rest: Rest, aheadMs: number, tasks: readonly string[]): Promise<Member> {
  const { url, token } = rest.session;
  const task: FleetTask = { url, token, prefix: rest.prefix, aheadMs, tasks };
  const child = spawn(process.execPath, ["--no-warnings", PROGRAM, JSON.stringify(task)]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const errors = text(child.stderr);
  const [ready] = (await once(child.stdout, "data")) as [Buffer];
  expect(String(ready)).toBe("ready\n");
  const runUntil: Member["runUntil"] = async (last) => {
    child.stdin.end(String(last));
    const printed = await text(child.stdout);
    expect(await errors).toBe("");
    const lines = printed.trim().split("\n");
    const ran = lines.filter((line) => line.startsWith("ran "));
    const refused = lines.filter((line) => line.startsWith("not-elected "));
    expect(ran.length + refused.length, printed).toBe(lines.length);
    return { ran, asked: lines.length };
  };
  return { runUntil };
}

it("fifty occurrences run once each in five processes whose clocks are up to 3 s apart", async () => {
  const rest = rests.open();
  const tasks = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
  const clocks = [0, 750, 1_500, 2_250, 3_000];
  const fleet = await Promise.all(clocks.map((aheadMs) => startMember(rest, aheadMs, tasks)));
  // Still to come by every clock.
  const first = Math.ceil(Date.now() / 2_000) * 2_000 + 4_000;
  const times = [0, 1, 2, 3, 4].map((at) => first + at * 2_000);
  const last = Math.max(...times);
  const runs = await Promise.all(fleet.map(({ runUntil }) => runUntil(last)));
  const ran = runs.flatMap((each) => each.ran).toSorted();
  // Nor do those run twice that came before, which not all clocks had yet to come.
  expect(ran).toEqual([...new Set(ran)]);
  const expected = tasks.flatMap((name) =>
    times.map((time) => `ran ${name} ${new Date(time).toISOString()}`),
  );
  expect(ran.filter((line) => expected.includes(line))).toEqual(expected);
  for (const { asked } of runs) expect(asked).toBeGreaterThan(0);
  expect(rest.session.counters.byScript["complete"]).toBe(ran.length);
});
