import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { supervise } from "./redis-supervisor.ts";
import type { SupervisedServer } from "./redis-supervisor.ts";

/** The example Worker, running on workerd under `wrangler dev`. */
export interface WorkerProcess {
  readonly url: string;
  /** Process id of wrangler; its children, workerd among them, end with it. */
  readonly pid: number;
  /** Settles when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Everything written so far: requests, reloads, what the Worker logs. */
  readonly log: () => Promise<string>;
  readonly stop: () => Promise<void>;
}

export interface StartWorkerOptions {
  /** The Worker's secrets. */
  readonly secrets: Readonly<Record<string, string>>;
  /** @default a free port */
  readonly port?: number;
  readonly onProgress?: (line: string) => void;
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const READY = /Ready on (http:\/\/\S+)/;
const READY_LIMIT_MS = 90_000;
const SLOW_MS = 8_000;
const POLL_MS = 50;

/** `exec` keeps the process the one that is supervised; the file outlives no run, the folder goes with it. */
const LOGGED = 'log=$1; shift; exec "$@" >"$log" 2>&1';

/** What wrangler needs of our environment. The rest, proxies and account tokens included, is no business of a local run. */
const INHERITED = ["PATH", "LANG", "NODE_EXTRA_CA_CERTS"];

/** Starts the Worker; it answers from the moment this resolves, and cannot outlive this process. */
export async function startWorker(options: StartWorkerOptions): Promise<WorkerProcess> {
  const { secrets, port = 0, onProgress = () => {} } = options;
  const wrangler = findWrangler();
  const folder = await mkdtemp(join(tmpdir(), "leasehold-worker-"));
  const logFile = join(folder, "log");
  const secretsFile = join(folder, "secrets.env");
  const lines = Object.entries(secrets).map(
    ([name, value]) => `${name}=${JSON.stringify(value)}\n`,
  );
  await writeFile(secretsFile, lines.join(""), { mode: 0o600 });
  await writeFile(logFile, "");
  const args = [
    ...["-c", LOGGED, "worker", logFile, process.execPath, "--no-warnings", wrangler, "dev"],
    ...["--cwd", ROOT, "--local", "--ip", "127.0.0.1", "--port", String(port)],
    ...["--inspector-port", "0", "--show-interactive-dev-session=false"],
    // A named file is read in place of .dev.vars: a run of ours never meets anybody's real Redis by accident.
    ...["--env-file", secretsFile, "--persist-to", join(folder, "state")],
  ];
  const env = environment(folder);
  const program = { source: "wrangler", file: "sh", env, ownProcess: true, args: () => args };
  const server = supervise(program, args, folder);
  const log = (): Promise<string> => readFile(logFile, "utf8").catch(() => "");
  try {
    const pid = await server.pid;
    const url = await readyUrl(server, log, onProgress);
    return { url, pid, ended: server.ended, log, stop: () => server.stop() };
  } catch (cause) {
    const output = await log();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
    throw new Error(`The Worker did not start: ${String(cause)}\n${output.slice(-4_000)}`, {
      cause,
    });
  }
}

async function readyUrl(
  { ended }: SupervisedServer,
  log: () => Promise<string>,
  onProgress: (line: string) => void,
): Promise<string> {
  const over = ended.then(() => true);
  const started = Date.now();
  let isSlow = false;
  while (Date.now() - started < READY_LIMIT_MS) {
    const url = READY.exec(await log())?.[1];
    if (url !== undefined) return url;
    if (await Promise.race([over, sleep(POLL_MS, false)])) throw new Error("wrangler has ended");
    if (!isSlow && Date.now() - started > SLOW_MS) {
      isSlow = true;
      onProgress("wrangler is still starting; this machine seems to be busy");
    }
  }
  throw new Error(`wrangler was not ready within ${READY_LIMIT_MS / 1_000} s`);
}

function findWrangler(): string {
  try {
    return createRequire(import.meta.url).resolve("wrangler");
  } catch (cause) {
    throw new Error("wrangler is missing. Run `npm install` in the project first.", { cause });
  }
}

/** Its home, caches and temporary files are in a folder that goes with it; it asks and tells nobody. */
function environment(folder: string): NodeJS.ProcessEnv {
  const inherited = INHERITED.map((name) => [name, process.env[name]] as const);
  return {
    ...Object.fromEntries(inherited.filter(([, value]) => value !== undefined)),
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    XDG_CACHE_HOME: folder,
    TMPDIR: folder,
    NO_COLOR: "1",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    // The banner is what looks for updates.
    WRANGLER_HIDE_BANNER: "true",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
  };
}
