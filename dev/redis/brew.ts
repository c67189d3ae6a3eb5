import { join } from "node:path";
import { nativeProgram, verifyProgram } from "./program.ts";
import type { RedisProgram } from "./program.ts";
import { runCommand } from "./run-command.ts";

/** Installs Redis with Homebrew, which needs no root; it stays installed, so this is announced. */
export async function brewRedis(
  onProgress: (line: string) => void,
): Promise<RedisProgram | undefined> {
  const present = await runCommand("brew", ["--version"], { timeoutMs: 20_000 });
  if (!present.ok) {
    return undefined;
  }
  onProgress("running `brew install redis` (once; remove it with `brew uninstall redis`)…");
  const installed = await runCommand("brew", ["install", "redis"], { timeoutMs: 600_000 });
  const prefix = await runCommand("brew", ["--prefix", "redis"], { timeoutMs: 20_000 });
  if (!installed.ok || !prefix.ok) {
    onProgress("`brew install redis` failed");
    return undefined;
  }
  const file = join(prefix.output.trim(), "bin", "redis-server");
  const program = nativeProgram("redis-server from Homebrew", file);
  return (await verifyProgram(program)) ? program : undefined;
}
