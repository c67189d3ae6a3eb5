/**
 * `npm run platforms`: newcomers' projects on every platform, with the package as it would be published,
 * against a real Redis behind an Upstash-compatible REST front, all on this machine. Exits with status 0
 * only if each of them does what it must.
 *
 * `npm run platforms -- next deno` runs those alone; `--allow-missing` skips a platform whose packages
 * npm cannot install; `--package file.tgz` checks that tarball.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { startStack, stopOnSignals, type Stack } from "../stack.ts";
import { hono } from "./hono.ts";
import { nest } from "./nest.ts";
import { hostNode, packPackage } from "./package.ts";
import { CannotInstall, type Platform } from "./platform.ts";
import { Project } from "./project.ts";
import { services } from "./services.ts";
import { typescript } from "./typescript.ts";

const PLATFORMS: readonly Platform[] = [...hono, ...services, ...nest, typescript];

interface Run {
  readonly folder: string;
  readonly tarball: string;
  readonly stack: Stack;
  readonly signal: AbortSignal;
  readonly allowMissing: boolean;
}

const say = (line: string): void => console.log(line);
const end = new AbortController();
const undo: (() => Promise<unknown>)[] = [];
async function undoAll(): Promise<void> {
  for (const step of undo.splice(0).toReversed()) await step().catch(console.error);
}

/** The platforms that were named, or all. */
function choose(names: readonly string[]): readonly Platform[] {
  const unknown = names.filter((name) => !PLATFORMS.some((platform) => platform.name === name));
  if (unknown.length > 0) {
    const known = PLATFORMS.map(({ name }) => name).join(", ");
    throw new Error(`There is no platform ${unknown.join(", ")}. There are ${known}.`);
  }
  return PLATFORMS.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** True unless it has failed. */
async function checkPlatform({ name, check }: Platform, run: Run): Promise<boolean> {
  const started = performance.now();
  const { tarball, stack, signal, allowMissing } = run;
  const folder = path.join(run.folder, name);
  await mkdir(folder);
  const session = stack.front.openSession();
  const project = new Project({ name, folder, tarball, session, signal });
  const stop = (): Promise<void> => project.stop();
  undo.push(stop);
  const report = (result: string, text: string): void => {
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    say(`${result.padEnd(4)}  ${name.padEnd(10)}  ${seconds.padStart(5)} s  ${text}`);
  };
  try {
    report("ok", await check(project));
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    const isSkipped = allowMissing && error instanceof CannotInstall;
    const what = error instanceof CannotInstall ? "npm cannot install it: " : "";
    report(isSkipped ? "skip" : "FAIL", what + (error instanceof Error ? error.message : error));
    const output = project.output().trim();
    if (!isSkipped && output !== "") say(`      It wrote:\n${output.slice(-3_000)}`);
    return isSkipped;
  } finally {
    undo.splice(undo.indexOf(stop), 1);
    await project.stop();
    session.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<boolean> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { "allow-missing": { type: "boolean" }, package: { type: "string" } },
  });
  const chosen = choose(positionals);
  if (values.package !== undefined && !existsSync(values.package)) {
    throw new Error(`There is no tarball ${values.package}.`);
  }
  const folder = await mkdtemp(path.join(tmpdir(), "leasehold-platforms-"));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const { signal } = end;
  const stack = await startStack();
  undo.push(() => stack.stop());
  const tarball =
    values.package === undefined ? await packPackage(folder, signal) : path.resolve(values.package);
  say(`${path.basename(tarball)}, projects on Node ${await hostNode(folder, signal)}`);
  const run = { folder, tarball, stack, signal, allowMissing: values["allow-missing"] ?? false };
  let isGood = true;
  for (const platform of chosen) isGood = (await checkPlatform(platform, run)) && isGood;
  return isGood;
}

stopOnSignals(async () => {
  end.abort();
  await undoAll();
});
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await undoAll();
}
