import { LockStatus } from "../../database/lock-status.ts";
import type { RenewOutcome, RenewRequest } from "../../database/operations.ts";
import type { Command, Names, Reply } from "../command.ts";
import { lua } from "./records.ts";

/**
 * Keeps claims alive: expiry first, so that a full database (OOM) cannot end a lease; then the
 * record, whose times are for humans to read. Creates nothing. With 0 ms for both times it only asks.
 *
 * KEYS: lock and proc of each claim.
 * ARGV: process data, then owner hash, fence, ttlMs, livenessMs and record of each claim.
 * Returns { "SUCCESS", { status of each claim } }.
 */
const RENEW = /* @__PURE__ */ lua(`-- leasehold:renew
RECORDS
local processData, statuses = ARGV[1], {}
for i = 1, #KEYS / 2 do
  local lockKey, procKey, a = KEYS[2 * i - 1], KEYS[2 * i], 5 * i - 3
  local ownerHash, fence, record = ARGV[a], ARGV[a + 1], ARGV[a + 4]
  local ttlMs, livenessMs = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local _, stored = read(redis.pcall("GET", lockKey))
  if stored and stored.ownerHash == ownerHash and fenceOf(stored) == fence
    and redis.call("EXISTS", procKey) == 1 then
    lengthen(lockKey, ttlMs)
    lengthen(procKey, livenessMs)
    if ttlMs > 0 then redis.pcall("SET", lockKey, record, "XX", "KEEPTTL") end
    if livenessMs > 0 then redis.pcall("SET", procKey, processData, "XX", "KEEPTTL") end
    statuses[i] = "SUCCESS"
  else
    statuses[i] = "LOST"
  end
end
return { "SUCCESS", statuses }
`);

/** Locks of one script: while it runs, Redis answers nobody else. */
const MAX_RENEWALS = 100;

/** Renews in as many commands as it takes, sent at once. */
export async function inParts(
  requests: readonly RenewRequest[],
  renew: (part: readonly RenewRequest[]) => Promise<readonly RenewOutcome[]>,
): Promise<readonly RenewOutcome[]> {
  if (requests.length <= MAX_RENEWALS) return renew(requests);
  const parts = [requests.slice(0, MAX_RENEWALS), requests.slice(MAX_RENEWALS)] as const;
  return (await Promise.all([renew(parts[0]), inParts(parts[1], renew)])).flat();
}

export function renewCommand(
  names: Names,
  requests: readonly RenewRequest[],
  processData: string,
): Command<readonly RenewOutcome[]> {
  const keys: string[] = [];
  const args = [processData];
  for (const { key, lockData, ttlMs, livenessMs } of requests) {
    const { ownerHash, processHash, fence } = lockData;
    keys.push(names.lock + key, names.process + processHash);
    args.push(ownerHash, String(fence ?? ""), String(ttlMs), String(livenessMs));
    args.push(JSON.stringify(lockData));
  }
  const decode = (reply: Reply): readonly RenewOutcome[] | undefined =>
    decodeRenew(reply, requests.length);
  return { operation: "renew", script: RENEW, keys, args, decode };
}

function decodeRenew({ rest }: Reply, count: number): readonly RenewOutcome[] | undefined {
  const statuses: unknown = rest[0];
  if (!Array.isArray(statuses) || statuses.length !== count) return undefined;
  const outcomes: RenewOutcome[] = [];
  for (const status of statuses as readonly unknown[]) {
    if (status === LockStatus.SUCCESS) outcomes.push("renewed");
    else if (status === "LOST") outcomes.push("lost");
    else return undefined;
  }
  return outcomes;
}
