import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { expectGuard, expectWaiting } from "./http.ts";
import type { Platform } from "./platform.ts";
import type { Project } from "./project.ts";

async function expectOrders(project: Project, command: [string, ...string[]]): Promise<void> {
  const server = await project.start(command, /at http:\/\/127\.0\.0\.1:(\d+)/, { PORT: "0" });
  await expectGuard(`${server.url}/orders/7/pay`, project.session);
  await expectWaiting(`${server.url}/orders/7/ship`, project.session);
}

/** CommonJS throughout: compiled, under jest and at run time. */
async function checkNest11(project: Project): Promise<string> {
  await project.install();
  assert.match(await project.run("jest", ["--watchman=false"]), /^Tests: +2 passed, 2 total$/m);
  await project.run("tsc", ["-p", "tsconfig.build.json"]);
  assert.match(await project.read("dist/app.module.js"), /require\("leasehold\/nestjs"\)/);
  await expectOrders(project, ["node", "dist/main"]);
  return "CommonJS, 2 tests in jest, 409 with Retry-After, waiting, released";
}

async function checkNest12(project: Project): Promise<string> {
  await project.install();
  await project.run("tsc", []);
  // Nest 12 needs a newer Node than we do: this repository's own.
  const command = [process.execPath, "dist/main.js"] as const;
  await expectOrders(project, [...command]);
  await expectReports(project, command);
  return "ESM, 409 with Retry-After, waiting, released; a cron once in two instances";
}

const CRON_LIMIT_MS = 60_000;

/** Two instances of the application report each second once. */
async function expectReports(
  project: Project,
  command: readonly [string, ...string[]],
): Promise<void> {
  const env = { PORT: "0", CRONS: "on" };
  const ready = /at http:\/\/127\.0\.0\.1:(\d+)/;
  const instances = [
    await project.start(command, ready, env),
    await project.start(command, ready, env),
  ];
  const reports = (): readonly string[] =>
    instances.flatMap((server) => server.output().match(/(?<=^reports under ).+$/gm) ?? []);
  const before = reports().length;
  for (let ms = 0; reports().length < before + 5 && ms < CRON_LIMIT_MS; ms += 100) await sleep(100);
  const reported = reports();
  assert.ok(reported.length >= before + 5, "five reports while both instances run");
  assert.deepEqual(reported, [...new Set(reported)], "reports of two instances");
}

export const nest: readonly Platform[] = [
  { name: "nest11", check: checkNest11 },
  { name: "nest12", check: checkNest12 },
];
