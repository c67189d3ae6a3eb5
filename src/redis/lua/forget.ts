import { LockStatus } from "../../database/lock-status.ts";
import type { Command, Names } from "../command.ts";
import { lua } from "./records.ts";

/**
 * Forgets the completion by one owner hash, and none by another that came since.
 *
 * KEYS: done. ARGV: owner hash. Returns { status }.
 */
const FORGET = /* @__PURE__ */ lua(`-- leasehold:forget
local ok, record = pcall(cjson.decode, redis.pcall("GET", KEYS[1]))
if not ok or type(record) ~= "table" or record.ownerHash ~= ARGV[1] then return { "NO_KEY" } end
redis.call("DEL", KEYS[1])
return { "SUCCESS" }
`);

export function forgetCommand(
  names: Names,
  resultKey: string,
  ownerHash: string,
): Command<boolean> {
  return {
    operation: "forget",
    script: FORGET,
    keys: [names.result + resultKey],
    args: [ownerHash],
    decode: ({ status }) => {
      if (status === LockStatus.SUCCESS) return true;
      return status === LockStatus.NO_KEY ? false : undefined;
    },
  };
}
