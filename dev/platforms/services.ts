import assert from "node:assert/strict";
import { expectGuard, expectReleased, expectStatus, expectWaiting, post } from "./http.ts";
import type { Platform } from "./platform.ts";
import type { Project } from "./project.ts";

/** A forgotten lock lasts 3 s and would be renewed for a quarter of an hour. */
const FORGOTTEN_LIMIT_MS = 2_500;

async function checkExpress(project: Project): Promise<string> {
  await project.install();
  const server = await project.start(["node", "server.js"], /Listening on (\d+)/);
  await expectGuard(`${server.url}/orders/7/pay`, project.session);
  await expectWaiting(`${server.url}/orders/7/ship`, project.session);
  const started = performance.now();
  assert.equal(await project.run("node", ["forget.js"], project.variables), "holds forgotten");
  const ms = Math.round(performance.now() - started);
  assert.ok(ms < FORGOTTEN_LIMIT_MS, `a forgotten lock kept its process alive for ${ms} ms`);
  return "409 with Retry-After, waiting, released; a process ends with a lock forgotten";
}

async function checkNext(project: Project): Promise<string> {
  await project.install();
  // As on a build machine: no variables.
  await project.run("next", ["build"]);
  const place = ["--hostname", "127.0.0.1", "--port", "0"];
  const server = await project.start(["next", "start", ...place], /http:\/\/127\.0\.0\.1:(\d+)/);
  await expectGuard(`${server.url}/orders/7/pay`, project.session);
  await expectWaiting(`${server.url}/orders/7/ship`, project.session);
  await expectStatus(await post(`${server.url}/reports/7`), 202);
  await expectStatus(await post(`${server.url}/reports/7`), 409);
  await expectReleased(project.session);
  await expectStatus(await post(`${server.url}/reports/7`), 202);
  await expectReleased(project.session);
  return "built without variables, 409 with Retry-After, waiting, released in after()";
}

export const services: readonly Platform[] = [
  { name: "next", check: checkNext },
  { name: "express", check: checkExpress },
];
