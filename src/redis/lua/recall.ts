import { decodeResultRecord, notAResult, type ResultRecord } from "../../database/result-record.ts";
import type { Command, Names } from "../command.ts";
import { lua } from "./records.ts";

/** KEYS: done. Returns { status, what is stored there }; "" for nothing. */
const RECALL = /* @__PURE__ */ lua(`-- leasehold:recall
local done = redis.pcall("GET", KEYS[1])
if type(done) == "table" then done = done.err end
return { "SUCCESS", done or "" }
`);

export function recallCommand(names: Names, resultKey: string): Command<ResultRecord | null> {
  const name = names.result + resultKey;
  return {
    operation: "recall",
    script: RECALL,
    keys: [name],
    args: [],
    decode: ({ rest: [done] }) => {
      if (done === "") return null;
      const record = decodeResultRecord(done);
      if (record === null) throw notAResult(name);
      return record;
    },
  };
}
