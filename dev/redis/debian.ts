import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { aptDownload, hasApt } from "./apt.ts";
import { nativeProgram, verifyProgram } from "./program.ts";
import type { RedisProgram } from "./program.ts";
import { runCommand } from "./run-command.ts";

const SOURCE = "redis-server from Debian, in the project's cache";
const UNPACKING = "unpacking-";
const STALE_MS = 3_600_000;
const PUBLISH_ATTEMPTS = 5;

/** The server that an earlier run downloaded, if it still starts. */
export async function cachedDebianRedis(cacheFolder: string): Promise<RedisProgram | undefined> {
  return programIn(join(cacheFolder, cacheName()));
}

/**
 * Downloads redis-server and its missing libraries with apt, without root and without touching the system.
 * Safe to run concurrently: each run unpacks into its own folder, and the first to finish renames its folder to the final name.
 */
export async function downloadDebianRedis(
  cacheFolder: string,
  onProgress: (line: string) => void,
): Promise<RedisProgram | undefined> {
  if (!(await hasApt())) {
    return undefined;
  }
  try {
    await mkdir(cacheFolder, { recursive: true });
    await removeStale(cacheFolder);
    return await downloadInto(cacheFolder, onProgress);
  } catch (error) {
    // A read-only checkout or a full disk: there are other ways to get a Redis.
    onProgress(`no redis-server from Debian: ${String(error)}`);
    return undefined;
  }
}

async function downloadInto(
  cacheFolder: string,
  onProgress: (line: string) => void,
): Promise<RedisProgram | undefined> {
  const work = await mkdtemp(join(cacheFolder, UNPACKING));
  try {
    const packages = await aptDownload(join(work, "apt"), onProgress);
    if (packages === undefined) {
      return undefined;
    }
    const root = join(work, "root");
    await mkdir(root);
    for (const file of packages) {
      // Sequentially: they write into the same folders.
      // oxlint-disable-next-line no-await-in-loop
      await runCommand("dpkg-deb", ["-x", file, root], { timeoutMs: 60_000 });
    }
    if ((await programIn(root)) === undefined) {
      onProgress("the redis-server downloaded from Debian does not start on this machine");
      return undefined;
    }
    return await publish(root, join(cacheFolder, cacheName()));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function cacheName(): string {
  return `debian-${process.arch}`;
}

async function programIn(root: string): Promise<RedisProgram | undefined> {
  const file = join(root, "usr", "bin", "redis-server");
  const program = nativeProgram(SOURCE, file, await libraryFolders(root));
  return (await verifyProgram(program)) ? program : undefined;
}

async function libraryFolders(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true }).catch((): string[] => []);
  const libraries = entries.filter((entry) => /\.so(\.|$)/.test(entry));
  return [...new Set(libraries.map((entry) => join(root, dirname(entry))))];
}

async function publish(root: string, final: string): Promise<RedisProgram | undefined> {
  for (let attempt = 1; attempt <= PUBLISH_ATTEMPTS; attempt += 1) {
    // Fails when another run was faster; its server is as good as ours.
    // oxlint-disable-next-line no-await-in-loop
    await rename(root, final).catch(() => {});
    // oxlint-disable-next-line no-await-in-loop
    const program = await programIn(final);
    if (program !== undefined) {
      return program;
    }
    // The existing one does not run on this machine; it is removed with our own folder.
    // oxlint-disable-next-line no-await-in-loop
    await rename(final, `${root}-replaced-${attempt}`).catch(() => {});
  }
  return undefined;
}

/** An interrupted run leaves its own folder behind, never a half-filled final one. */
async function removeStale(cacheFolder: string): Promise<void> {
  const names = await readdir(cacheFolder);
  const stale = names.filter((name) => name.startsWith(UNPACKING));
  await Promise.all(
    stale.map(async (name) => {
      const folder = join(cacheFolder, name);
      const age = await stat(folder).catch(() => undefined);
      if (age !== undefined && Date.now() - age.mtimeMs > STALE_MS) {
        await rm(folder, { recursive: true, force: true });
      }
    }),
  );
}
