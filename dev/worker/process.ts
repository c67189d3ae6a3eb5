import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { supervise } from "../redis/supervisor.ts";

/** A Worker, running on workerd under `wrangler dev`. */
export interface WorkerProcess {
  /** Its URL, once it responds. Rejects with wrangler's output if it never does. */
  readonly ready: Promise<string>;
  /** Settles when it has exited, for whatever reason. */
  readonly ended: Promise<void>;
  /** Everything written so far: requests, reloads, what the Worker logs. */
  readonly log: () => Promise<string>;
  readonly stop: () => Promise<void>;
}

export interface StartWorkerOptions {
  /** Its source, from the root of the project. @default the example */
  readonly main?: string;
  /** The Worker's secrets. */
  readonly secrets: Readonly<Record<string, string>>;
  /** @default a free port */
  readonly port?: number;
  /** Reloads the Worker when a source file changes. @default false */
  readonly watch?: boolean;
  readonly onProgress?: (line: string) => void;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SECRETS = "secrets.env";
const READY = /Ready on (http:\/\/\S+)/;
const READY_LIMIT_MS = 90_000;
const SLOW_MS = 8_000;
const POLL_MS = 50;

/**
 * Runs in its own folder, where wrangler can leave its files. The Worker is bundled beforehand, so that editing a source file
 * does not reload it and cut off its requests in flight. `exec` keeps the supervised process id.
 */
const SCRIPT = `
folder=$1 root=$2 watch=$3 node=$4 wrangler=$5 main=$2$6; shift 6
cd "$folder" && exec >log 2>&1 && cp "$root/wrangler.toml" . || exit 1
if [ "$watch" = false ]; then
  "$node" --no-warnings "$wrangler" deploy "$main" -c wrangler.toml --dry-run --outdir bundle & child=$!
  trap 'kill "$child"; wait "$child"; exit 1' TERM
  wait "$child" || exit 1
  trap - TERM
  main=bundle/$(basename "$main" .ts).js; set -- --no-bundle "$@"
fi
exec "$node" --no-warnings "$wrangler" dev "$main" -c wrangler.toml "$@"
`;

/** What wrangler needs from our environment. The rest, proxies and account tokens included, has no place in a local run. */
const INHERITED = ["PATH", "LANG", "NODE_EXTRA_CA_CERTS"];

/** Starts the Worker, which cannot outlive this process. */
export async function startWorker(options: StartWorkerOptions): Promise<WorkerProcess> {
  const { main = "worker/index.ts", secrets, port = 0, watch = false } = options;
  const { onProgress = () => {} } = options;
  const wrangler = findWrangler();
  const folder = await mkdtemp(join(tmpdir(), "leasehold-worker-"));
  await writeSecrets(join(folder, SECRETS), secrets);
  const programs = [process.execPath, wrangler, main];
  const shell = ["-c", SCRIPT, "worker", folder, ROOT, String(watch), ...programs];
  const place = ["--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"];
  // A named file replaces .dev.vars: our runs never touch a real Redis by accident.
  const files = ["--env-file", join(folder, SECRETS), "--persist-to", "state"];
  const args = [...shell, ...place, ...files, "--local", "--show-interactive-dev-session=false"];
  const env = environment(folder);
  const program = { source: "wrangler", file: "sh", env, ownProcess: true, args: () => args };
  const server = supervise(program, args, folder);
  const { ended } = server;
  // A missing shell also rejects `ready`, so this rejection may go unhandled.
  server.pid.catch(() => {});
  let lastLog = "";
  const log = async (): Promise<string> => {
    // The folder is removed with the process; what was read is kept.
    lastLog = await readFile(join(folder, "log"), "utf8").catch(() => lastLog);
    return lastLog;
  };
  const ready = readyUrl(ended, log, onProgress);
  ready.catch(() => {});
  return { ready, ended, log, stop: () => server.stop() };
}

function writeSecrets(file: string, secrets: StartWorkerOptions["secrets"]): Promise<void> {
  const lines = Object.entries(secrets).map(([name, value]) => `${name}="${value}"\n`);
  return writeFile(file, lines.join(""), { mode: 0o600 });
}

async function readyUrl(
  ended: Promise<void>,
  log: () => Promise<string>,
  onProgress: (line: string) => void,
): Promise<string> {
  const over = ended.then(() => true);
  const started = Date.now();
  let isSlow = false;
  while (Date.now() - started < READY_LIMIT_MS) {
    const isOver = await Promise.race([over, sleep(POLL_MS, false)]);
    const text = await log();
    const url = READY.exec(text)?.[1];
    if (url !== undefined) return url;
    if (isOver) throw new Error(`The Worker did not start.\n${text.slice(-4_000)}`);
    if (!isSlow && Date.now() - started > SLOW_MS) {
      isSlow = true;
      onProgress("wrangler is still starting; this machine seems to be busy");
    }
  }
  const seconds = READY_LIMIT_MS / 1_000;
  throw new Error(`The Worker was not ready within ${seconds} s.\n${(await log()).slice(-4_000)}`);
}

function findWrangler(): string {
  try {
    return createRequire(import.meta.url).resolve("wrangler");
  } catch (cause) {
    throw new Error("wrangler is missing. Run `npm install` in the project first.", { cause });
  }
}

/** Home, caches and temporary files are in a folder that is removed with it; no prompts, no telemetry. */
function environment(folder: string): NodeJS.ProcessEnv {
  const inherited = INHERITED.map((name) => [name, process.env[name]] as const);
  return {
    ...Object.fromEntries(inherited.filter(([, value]) => value !== undefined)),
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    XDG_CACHE_HOME: folder,
    TMPDIR: folder,
    FORCE_COLOR: "0",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    // The banner is what checks for updates.
    WRANGLER_HIDE_BANNER: "true",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
  };
}
