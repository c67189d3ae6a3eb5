import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
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
  const secret = randomUUID();
  const command = ["next", "start", ...place] as const;
  const env = { CRON_SECRET: secret };
  const server = await project.start(command, /http:\/\/127\.0\.0\.1:(\d+)/, env);
  await expectGuard(`${server.url}/orders/7/pay`, project.session);
  await expectWaiting(`${server.url}/orders/7/ship`, project.session);
  await expectStatus(await post(`${server.url}/reports/7`), 202);
  await expectStatus(await post(`${server.url}/reports/7`), 409);
  await expectReleased(project.session);
  await expectStatus(await post(`${server.url}/reports/7`), 202);
  await expectReleased(project.session);
  await expectCron(`${server.url}/api/report`, secret);
  return "built without variables, 409 with Retry-After, waiting, released in after(), a cron job once";
}

/** Delivered twice, it runs once; to anybody else it is closed. */
async function expectCron(url: string, secret: string): Promise<void> {
  const deliver = (authorization: string): Promise<Response> =>
    fetch(url, { headers: { authorization, "user-agent": "vercel-cron/1.0" } });
  await expectStatus(await deliver("Bearer undefined"), 401);
  const first = (await (await deliver(`Bearer ${secret}`)).json()) as { readonly fence?: unknown };
  assert.equal(typeof first.fence, "number");
  assert.deepEqual(await (await deliver(`Bearer ${secret}`)).json(), { status: "remembered" });
}

export const services: readonly Platform[] = [
  { name: "next", check: checkNext },
  { name: "express", check: checkExpress },
];
