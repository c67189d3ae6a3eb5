import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aptDownload, hasApt } from "../../dev/redis/apt.ts";
import { cachedDebianRedis, downloadDebianRedis } from "../../dev/redis/debian.ts";
import { verifyProgram } from "../../dev/redis/program.ts";

let cache = "";
const canDownload = await hasApt();

beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), "leasehold-cache-"));
});

afterAll(async () => {
  await rm(cache, { recursive: true, force: true });
});

async function expectOneWorkingServer(): Promise<void> {
  const program = await cachedDebianRedis(cache);
  expect(program && (await verifyProgram(program))).toBe(true);
  expect(await readdir(cache)).toEqual([`debian-${process.arch}`]);
}

describe.skipIf(!canDownload)("redis-server from Debian's packages", () => {
  test("settings of apt that cannot be read are blamed for it, and nothing is made of what apt-config failed with", async () => {
    const bin = await mkdtemp(join(tmpdir(), "leasehold-bin-"));
    await writeFile(
      join(bin, "apt-config"),
      "#!/bin/sh\necho 'E: no settings here' >&2\nexit 100\n",
    );
    await chmod(join(bin, "apt-config"), 0o755);
    const before = process.env["PATH"];
    process.env["PATH"] = `${bin}:${before}`;
    const lines: string[] = [];
    try {
      expect(await aptDownload(join(bin, "work"), (line) => void lines.push(line))).toBeUndefined();
    } finally {
      process.env["PATH"] = before;
      await rm(bin, { recursive: true, force: true });
    }
    expect(lines).toEqual(["`apt-config dump` failed: E: no settings here"]);
  });

  test("two concurrent downloads on a fresh machine both yield a working server, and leave one", async () => {
    const lines: string[] = [];
    const note = (line: string): void => {
      lines.push(line);
    };
    const programs = await Promise.all([
      downloadDebianRedis(cache, note),
      downloadDebianRedis(cache, note),
    ]);
    expect(programs.map((program) => program?.source)).toEqual([
      "redis-server from Debian, in the project's cache",
      "redis-server from Debian, in the project's cache",
    ]);
    expect(lines).toContainEqual(expect.stringContaining("downloading redis-server from Debian"));
    await expectOneWorkingServer();
  });

  test("a server in the cache that no longer starts is replaced", async () => {
    const bin = join(cache, `debian-${process.arch}`, "usr", "bin");
    await rm(join(cache, `debian-${process.arch}`), { recursive: true, force: true });
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, "redis-server"), "#!/bin/sh\nexit 1\n");
    await chmod(join(bin, "redis-server"), 0o755);
    expect(await cachedDebianRedis(cache)).toBeUndefined();
    expect(await downloadDebianRedis(cache, () => {})).toBeDefined();
    await expectOneWorkingServer();
  });
});
