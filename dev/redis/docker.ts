import { NO_PERSISTENCE } from "./program.ts";
import type { RedisProgram } from "./program.ts";
import { runCommand } from "./run-command.ts";

const IMAGE = "redis:7-alpine";

/** Redis in a container, only if an engine responds: the `docker` client is often installed without one. */
export async function dockerRedis(
  onProgress: (line: string) => void,
): Promise<RedisProgram | undefined> {
  const engine = await runCommand("docker", ["info", "--format", "{{.ServerVersion}}"], {
    timeoutMs: 5_000,
  });
  if (!engine.ok) {
    return undefined;
  }
  const present = await runCommand("docker", ["image", "inspect", IMAGE], { timeoutMs: 10_000 });
  if (!present.ok) {
    onProgress(`pulling ${IMAGE} with docker (once)…`);
    const pulled = await runCommand("docker", ["pull", IMAGE], { timeoutMs: 300_000 });
    if (!pulled.ok) {
      onProgress(`docker pull ${IMAGE} failed: ${lastLine(pulled.output)}`);
      return undefined;
    }
  }
  return {
    source: `${IMAGE} in docker`,
    file: "docker",
    env: process.env,
    ownProcess: false,
    args: (port) => {
      const run = ["run", "--rm", "--init", "-p", `127.0.0.1:${port}:6379`, IMAGE];
      return [...run, "redis-server", ...NO_PERSISTENCE];
    },
  };
}

function lastLine(output: string): string {
  return output.split("\n").at(-1) ?? "";
}
