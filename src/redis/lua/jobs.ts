import type { JobOutcome } from "../../database/operations.ts";
import type { Command, Names, Reply } from "../command.ts";
import { toDatabaseError, unreadableReply } from "../failure.ts";
import { decodeReply } from "../reply.ts";
import { lua } from "./records.ts";

/**
 * A script that handles jobs one after another, and each by itself: what fails for one is caught, and told
 * as its outcome.
 *
 * ARGV: for each job how many keys and how many arguments it has, then its arguments.
 * Returns { "SUCCESS", { reply for each job } }; the reply { "FAILED", error } for one that failed.
 *
 * @param handle a Lua function of the keys and the arguments of one job, called as the script is
 * @param plain the script of plain locks that it calls, and under which name
 */
export function jobsScript(
  name: string,
  handle: string,
  plain: { readonly name: string; readonly script: string },
): string {
  return lua(`-- leasehold:${name}
RECORDS
local function ${plain.name}(KEYS, ARGV)
${plain.script}
end
${handle}
local replies, k, a = {}, 0, 0
while a < #ARGV do
  local keys, args = tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local ok, reply = pcall(${name}, { unpack(KEYS, k + 1, k + keys) }, { unpack(ARGV, a + 3, a + 2 + args) })
  local failure = type(reply) == "table" and reply.err or not ok and reply
  if failure then reply = { "FAILED", failure } end
  replies[#replies + 1], k, a = reply, k + keys, a + 2 + args
end
return { "SUCCESS", replies }
`);
}

/** One job's part of a command. */
export interface JobPart<Outcome> {
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly decode: (reply: Reply) => Outcome | undefined;
}

/** One command for several jobs. */
export function jobsCommand<Outcome>(
  operation: string,
  script: string,
  names: Names,
  jobs: readonly JobPart<Outcome>[],
): Command<readonly JobOutcome<Outcome>[]> {
  const keys: string[] = [];
  const args: string[] = [];
  for (const job of jobs) {
    keys.push(...job.keys);
    args.push(String(job.keys.length), String(job.args.length), ...job.args);
  }
  const decode = ({ rest }: Reply): readonly JobOutcome<Outcome>[] | undefined => {
    const replies: unknown = rest[0];
    if (!Array.isArray(replies) || replies.length !== jobs.length) return undefined;
    return jobs.map((job, at) => decodeJob(operation, names, job, replies[at]));
  };
  return { operation, script, keys, args, decode };
}

function decodeJob<Outcome>(
  operation: string,
  names: Names,
  { decode }: JobPart<Outcome>,
  reply: unknown,
): JobOutcome<Outcome> {
  const read = decodeReply(reply);
  if (read?.status === "FAILED") {
    const refusal = new Error(String(read.rest[0]));
    return { status: "failed", error: toDatabaseError(operation, refusal, names) };
  }
  try {
    const outcome = read && decode(read);
    return outcome ?? { status: "failed", error: unreadableReply(operation) };
  } catch (error) {
    return { status: "failed", error };
  }
}
