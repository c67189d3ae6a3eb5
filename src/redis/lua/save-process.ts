import type { Command } from "../command.ts";
import { lua } from "./records.ts";

/** Reports a process alive. KEYS: proc. ARGV: process data, ttlMs. Returns { status }. */
const SAVE_PROCESS = /* @__PURE__ */ lua(`-- leasehold:save-process
local procKey, processData, ttlMs = KEYS[1], ARGV[1], tonumber(ARGV[2])
redis.call("SET", procKey, processData, "PX", math.max(redis.call("PTTL", procKey), ttlMs))
return { "SUCCESS" }
`);

export function saveProcessCommand(
  processKey: string,
  processData: string,
  ttlMs: number,
): Command<boolean> {
  return {
    operation: "save-process",
    script: SAVE_PROCESS,
    keys: [processKey],
    args: [processData, String(ttlMs)],
    decode: () => true,
  };
}
