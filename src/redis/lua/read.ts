import type { Command } from "../command.ts";
import { lua } from "./records.ts";

/** KEYS: any key of ours. Returns { status, value }; "" stands for a missing value and for one that is no string. */
const READ = /* @__PURE__ */ lua(`-- leasehold:read
RECORDS
local raw = read(redis.pcall("GET", KEYS[1]))
return { "SUCCESS", raw == "?" and "" or raw }
`);

/** @param decode reads the text that is stored */
export function readCommand<T>(key: string, decode: (text: unknown) => T): Command<T> {
  return {
    operation: "read",
    script: READ,
    keys: [key],
    args: [],
    decode: ({ rest }) => decode(rest[0]),
  };
}
