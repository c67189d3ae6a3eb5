import { KillTest, type KillReport } from "../../test/chaos/kill.ts";
import { openDirectConnection } from "../../test/chaos/local-wire.ts";
import type { Stack } from "../stack.ts";

export const PROCESSES = 5;
const TTL_MS = 1_000;
/** Every so many rounds a process is paused beyond its TTL instead of killed. */
const STOP_EVERY = 8;

/** Kills or pauses processes in their critical sections, until `kills` of them are dead. */
export async function soakKills(options: {
  readonly stack: Stack;
  readonly kills: number;
  readonly signal: AbortSignal;
  readonly onProgress: (report: KillReport) => void;
}): Promise<KillReport> {
  const { stack, ...rest } = options;
  const direct = await openDirectConnection(stack.redis.url);
  try {
    const { url, token } = stack.session;
    const { command } = direct;
    const shared = { processes: PROCESSES, keys: ["a", "b"], ttl: TTL_MS, stopEvery: STOP_EVERY };
    return await new KillTest({ url, token, command, ...shared, ...rest }).run();
  } finally {
    direct.close();
  }
}

export function killFigures(report: KillReport): (readonly [string, string | number])[] {
  const { kills, stops, takeovers, inTime, worstTakeoverMs, updates, staleRefused } = report;
  return [
    ["killed with SIGKILL in a critical section", kills],
    ["paused beyond the TTL (SIGSTOP), then continued", stops],
    ["locks they left behind, taken over", takeovers],
    [`  of these within the TTL (${TTL_MS} ms) and one retry`, inTime],
    ["  slowest, in ms", worstTakeoverMs],
    ["updates accepted, none lost", updates],
    ["stale reads and writes rejected", staleRefused],
    ["stale writes accepted, updates lost and other violations", report.violations.length],
  ];
}
