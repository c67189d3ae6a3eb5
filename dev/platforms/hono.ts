import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { expectGuard, expectStatus, expectReleased, expectWaiting, post } from "./http.ts";
import { firstSnippet } from "./package.ts";
import type { Platform } from "./platform.ts";
import type { Project } from "./project.ts";
import type { Server } from "./server.ts";

const SHOWN = "409 with Retry-After, released";

/** Nothing but where it listens: no warning of the runtime, at the first requests included. */
function expectNoWarning(server: Server): void {
  const lines = server.output().trim().split("\n");
  assert.deepEqual(lines.slice(1), [], "what it wrote beside where it listens");
}

/** Puts the README's first snippet, unchanged, into the project. */
async function installWithSnippet(project: Project): Promise<void> {
  await project.install();
  await project.write("app.ts", await firstSnippet());
}

async function checkHonoNode(project: Project): Promise<string> {
  await installWithSnippet(project);
  await project.run("tsc", []);
  const server = await project.start(["node", "server.js"], /Listening on (\d+)/);
  await expectGuard(`${server.url}/orders/7/pay`, project.session);
  expectNoWarning(server);
  return `README's first snippet: ${SHOWN}`;
}

async function checkBun(project: Project): Promise<string> {
  await installWithSnippet(project);
  const command = ["bun", "run", "app.ts"] as const;
  const server = await project.start(command, /http:\/\/[^\s:]+:(\d+)/, { PORT: "0" });
  await expectGuard(`${server.url}/orders/7/pay`, project.session);
  expectNoWarning(server);
  return `README's first snippet: ${SHOWN}, no warnings`;
}

async function checkDeno(project: Project): Promise<string> {
  await installWithSnippet(project);
  const place = ["--allow-net", "--allow-env", "--host", "127.0.0.1", "--port", "0"];
  const serve = (...args: readonly string[]): Promise<Server> =>
    project.start(["deno", "serve", ...place, ...args], /http:\/\/127\.0\.0\.1:(\d+)/);
  const server = await serve("app.ts");
  await expectGuard(`${server.url}/orders/7/pay`, project.session);
  expectNoWarning(server);
  // A guard that waits listens to the signal of the request, and without the flag Deno says so.
  const other = await serve("--unstable-no-legacy-abort", "waiting.ts");
  await expectWaiting(`${other.url}/orders/7/ship`, project.session);
  expectNoWarning(other);
  return `README's first snippet: ${SHOWN}; waiting; no warnings`;
}

/** This repository's own, which takes long to install; it needs this repository's Node. */
const WRANGLER = createRequire(import.meta.url).resolve("wrangler");

async function checkWorkers(project: Project): Promise<string> {
  const { session } = project;
  await installWithSnippet(project);
  const variables = Object.entries(project.variables).map(([name, value]) => `${name}=${value}\n`);
  await project.write(".dev.vars", variables.join(""));
  await project.run(process.execPath, [WRANGLER, "types"]);
  assert.match(await project.read("worker-configuration.d.ts"), /UPSTASH_REDIS_REST_URL: string/);
  await project.run("tsc", []);
  const place = ["--ip", "127.0.0.1", "--port", "0", "--inspector-port", "0", "--local"];
  const flags = ["--show-interactive-dev-session=false", "--persist-to", "state"];
  const dev = [process.execPath, WRANGLER, "dev", ...place, ...flags] as const;
  const server = await project.start(dev, /Ready on http:\S+:(\d+)/);
  await expectGuard(`${server.url}/snippet/orders/7/pay`, session);
  await expectGuard(`${server.url}/orders/7/pay`, session);
  await expectWaiting(`${server.url}/orders/7/ship`, session);
  await checkScheduled(server, project);
  return `types generated, ${SHOWN}, waiting, one of two scheduled runs`;
}

/** Of two scheduled events at once one works. Its lock outlives the handler, through waitUntil. */
async function checkScheduled(server: Server, project: Project): Promise<void> {
  const { session } = project;
  const trigger = async (): Promise<void> => {
    await expectStatus(await fetch(`${server.url}/cdn-cgi/handler/scheduled`), 200);
  };
  await Promise.all([trigger(), trigger()]);
  await expectReleased(session);
  const count = (what: string): number => server.output().split(what).length - 1;
  assert.deepEqual([count("nightly: works"), count("nightly: skipped")], [1, 1]);
  await expectStatus(await post(`${server.url}/orders/7/pay`), 200);
}

export const hono: readonly Platform[] = [
  { name: "workers", check: checkWorkers },
  { name: "hono-node", check: checkHonoNode },
  { name: "bun", check: checkBun },
  { name: "deno", check: checkDeno },
];
