import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./run-command.ts";
import type { RunResult } from "./run-command.ts";

const APT_TIMEOUT_MS = 180_000;
/** A C library that does not match the system's loader crashes every program that loads it. */
const NEVER_UNPACKED = new Set(["libc6", "libc-bin"]);

/** Whether this system's packages can be downloaded and unpacked without installing them. */
export async function hasApt(): Promise<boolean> {
  const probes = [
    runCommand("apt-get", ["--version"], { timeoutMs: 10_000 }),
    runCommand("dpkg-deb", ["--version"], { timeoutMs: 10_000 }),
  ];
  return (await Promise.all(probes)).every(({ ok }) => ok);
}

/** Downloads redis-server and its missing dependencies; the .deb files, or undefined (with the reason through onProgress). */
export async function aptDownload(
  folder: string,
  onProgress: (line: string) => void,
): Promise<string[] | undefined> {
  const dump = await runCommand("apt-config", ["dump"], { timeoutMs: 20_000 });
  if (!dump.ok) {
    onProgress(`\`apt-config dump\` failed: ${firstProblem(dump.output)}`);
    return undefined;
  }
  // Without its warnings, and without the hooks that `apt-get update` would run on the system.
  const settings = dump.output
    .split("\n")
    .filter((line) => /^\S.* ".*";$/.test(line) && !/-invoke/i.test(line));
  const system = await aptSession(join(folder, "known"), settings, { ownLists: false });
  const known = await fetchPackages(system, onProgress);
  if (known.ok) {
    return known.files;
  }
  // No package lists (a fresh container), or lists so old that the mirror no longer has those files.
  onProgress("reading Debian's package lists (once, about 10 MB)…");
  const own = await aptSession(join(folder, "fresh"), settings, { ownLists: true });
  const update = await own.apt(["update"]);
  const fresh = await fetchPackages(own, onProgress);
  if (fresh.ok) {
    return fresh.files;
  }
  const reasons = [firstProblem(update.output), firstProblem(fresh.output)];
  onProgress(`downloading redis-server with apt failed: ${reasons.join("; ")}`);
  return undefined;
}

interface AptSession {
  readonly downloads: string;
  apt(args: readonly string[]): Promise<RunResult>;
}

type Fetched = { ok: true; files: string[] } | { ok: false; output: string };

/** The system's settings (sources, proxies, keys) with every path apt writes to moved into `folder`. */
async function aptSession(
  folder: string,
  settings: readonly string[],
  { ownLists }: { ownLists: boolean },
): Promise<AptSession> {
  const downloads = join(folder, "downloads");
  const needed = ["downloads", "parts", "lists/partial", "cache/archives/partial"];
  await Promise.all(needed.map((name) => mkdir(join(folder, name), { recursive: true })));
  const own = [
    `Dir::Etc::Parts "${join(folder, "parts")}";`,
    `Dir::Etc::Main "${join(folder, "parts/none")}";`,
    `Dir::Cache "${join(folder, "cache")}";`,
    ...(ownLists ? [`Dir::State::Lists "${join(folder, "lists")}";`] : []),
    // As root, apt downloads as the user _apt, who has no write permission in the checkout.
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    'Acquire::Retries "2";',
  ];
  const config = join(folder, "apt.conf");
  await writeFile(config, [...settings, ...own, ""].join("\n"));
  const env = {
    ...process.env,
    APT_CONFIG: config,
    LC_ALL: "C",
    DEBIAN_FRONTEND: "noninteractive",
  };
  return {
    downloads,
    apt: (args) => runCommand("apt-get", args, { timeoutMs: APT_TIMEOUT_MS, cwd: downloads, env }),
  };
}

async function fetchPackages(
  session: AptSession,
  onProgress: (line: string) => void,
): Promise<Fetched> {
  const simulate = ["install", "--print-uris", "-qq", "-y", "--no-install-recommends"];
  const plan = await session.apt([...simulate, "redis-server"]);
  // Each line: 'address' package_version_architecture.deb size checksum
  const lines = [...plan.output.matchAll(/^'[^']+' ([^_\s]+)_\S+ (\d+)/gm)];
  const wanted = lines.filter(([, name]) => name !== undefined && !NEVER_UNPACKED.has(name));
  // If redis-server is installed but not on PATH, it still needs downloading, but is missing from the plan.
  const names = new Set(["redis-server", "redis-tools", ...wanted.map(([, name]) => name ?? "")]);
  if (!plan.ok) {
    return { ok: false, output: plan.output };
  }
  const size = wanted.reduce((sum, [, , bytes]) => sum + Number(bytes), 0) / 1e6;
  onProgress(`downloading redis-server from Debian (once, about ${Math.ceil(size) || 1} MB)…`);
  const download = await session.apt(["download", "-qq", ...names]);
  const files = (await readdir(session.downloads)).filter((name) => name.endsWith(".deb"));
  return download.ok && files.length > 0
    ? { ok: true, files: files.map((name) => join(session.downloads, name)) }
    : { ok: false, output: download.output };
}

function firstProblem(output: string): string {
  const lines = output.split("\n");
  const found = ["E:", "W:", ""].map((mark) => lines.find((line) => line.startsWith(mark)));
  return found.find((line) => line !== undefined) ?? "";
}
