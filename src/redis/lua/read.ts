import type { Command } from "../command.ts";
import { luaWithRecords } from "./records.ts";

/** KEYS: any key of ours. Returns { status, value }, "" for what is not there or no string. */
const READ = /* @__PURE__ */ luaWithRecords(`-- leasehold:read
local raw = read(KEYS[1])
return { "SUCCESS", raw == "?" and "" or raw }
`);

/** @param decode reads the text that is stored */
export function readCommand<T>(key: string, decode: (text: unknown) => T): Command<T> {
  const args: string[] = [];
  return {
    operation: "read",
    script: READ,
    keys: [key],
    args,
    decode: ({ rest }) => decode(rest[0]),
  };
}
