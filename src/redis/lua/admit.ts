import { decodeResultRecord, notAResult } from "../../database/result-record.ts";
import type { AdmitOutcome, AdmitRequest, JobOutcome } from "../../database/operations.ts";
import type { Command, Names } from "../command.ts";
import { ACQUIRE, acquireCommand, type AcquireSettings } from "./acquire.ts";
import { jobsCommand, jobsScript } from "./jobs.ts";

/**
 * Acquires the lock of each job, unless its completion is remembered. Then the owner hash is refused, as
 * by a holder: the same request, delivered when the result has expired, must not take the lock for nobody.
 *
 * KEYS of a job: done, then those of acquire for its lock. ARGV: those of acquire.
 * Returns { "REMEMBERED", done } or what acquire returns.
 */
const ADMIT = /* @__PURE__ */ jobsScript(
  "admit",
  `local function admit(KEYS, ARGV)
  local done = redis.pcall("GET", KEYS[1])
  if type(done) == "table" then done = done.err end
  if not done or done == "" then return acquire({ unpack(KEYS, 2) }, ARGV) end
  -- A copy of the admission of a run that has ended leaves word of that. This write needs no room, and makes some.
  redis.call("PEXPIRE", KEYS[5], ARGV[4])
  redis.pcall("SET", KEYS[5], "refused", "NX", "PX", ARGV[4])
  return { "REMEMBERED", done }
end`,
  { name: "acquire", script: ACQUIRE },
);

export function admitCommand(
  names: Names,
  requests: readonly AdmitRequest[],
  settings: AcquireSettings,
): Command<readonly JobOutcome<AdmitOutcome>[]> {
  const jobs = requests.map((request) => {
    const { keys, args, decode } = acquireCommand(names, request, settings);
    const resultName = names.result + request.resultKey;
    return {
      keys: [resultName, ...keys],
      args,
      decode: (reply: Parameters<typeof decode>[0]): AdmitOutcome | undefined => {
        if (reply.status !== "REMEMBERED") return decode(reply);
        const record = decodeResultRecord(reply.rest[0]);
        if (record === null) throw notAResult(resultName);
        return { status: "remembered", record };
      },
    };
  });
  return jobsCommand("admit", ADMIT, names, jobs);
}
