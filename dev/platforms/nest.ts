import assert from "node:assert/strict";
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
  await expectOrders(project, [process.execPath, "dist/main.js"]);
  return "ESM, 409 with Retry-After, waiting, released";
}

export const nest: readonly Platform[] = [
  { name: "nest11", check: checkNest11 },
  { name: "nest12", check: checkNest12 },
];
