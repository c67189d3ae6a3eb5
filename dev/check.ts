import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { stopOnSignals } from "./stack.ts";

/** Every check, the fastest first, so that a mistake shows early. */
const STEPS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ["format", "prettier", "--check", "--log-level", "warn", "."],
  ["lint", "oxlint", "--type-aware", "--deny-warnings"],
  ["types", "tsc", "-p", "."],
  ["types of src", "tsc", "-p", "src", "--noEmit"],
  ["types of test/workerd", "tsc", "-p", "test/workerd"],
  ["types of test/nestjs", "tsc", "-p", "test/nestjs"],
  ["links of the documents", "node", "dev/docs/docs.ts"],
];

const root = path.join(import.meta.dirname, "..");
let running: ReturnType<typeof spawn> | undefined;

/** Runs one command of node_modules/.bin; true when it exits with status 0. */
async function run(command: string, args: readonly string[]): Promise<boolean> {
  const bin = path.join(root, "node_modules", ".bin");
  const child = spawn(path.join(bin, command), args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env["PATH"] ?? ""}` },
  });
  running = child;
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  running = undefined;
  return code === 0;
}

async function step(name: string, command: string, args: readonly string[]): Promise<boolean> {
  const started = performance.now();
  const ok = await run(command, args);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? "ok  " : "FAIL"}  ${name} (${seconds} s)`);
  return ok;
}

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
}

/** Runs the tests; the counts come from their JSON report. */
async function runTests(filters: readonly string[]): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), "leasehold-check-"));
  const report = path.join(folder, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const ok = await step("tests", "vitest", ["run", ...reporters, ...filters]);
    const counted = JSON.parse(await readFile(report, "utf8")) as Report;
    const { numPassedTests, numFailedTests, numPendingTests } = counted;
    const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : "";
    console.log(`${numPassedTests} passed, ${numFailedTests} failed${skipped}`);
    return ok;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<boolean> {
  const { positionals } = parseArgs({ allowPositionals: true });
  // The child gets the terminal's Ctrl-C too; waiting for it lets it clean up.
  stopOnSignals(async () => {
    const child = running;
    if (child === undefined || child.exitCode !== null) return;
    child.kill("SIGTERM");
    await new Promise((resolve) => child.once("close", resolve));
  });
  let ok = true;
  for (const [name, command, ...args] of STEPS) ok = (await step(name, command, args)) && ok;
  return (await runTests(positionals)) && ok;
}

process.exitCode = (await main()) ? 0 : 1;
