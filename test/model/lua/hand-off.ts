import type { LuaMutant } from "./mutant.ts";

const FREE = "if isHandOff and #own + #taken < claims and not refusal then isGone = true end\n";

/** A lock that passes from one owner to the next. */
export const HAND_OFF: readonly LuaMutant[] = [
  {
    name: "hand-off: an attach does not check the liveness",
    script: "acquire",
    find: 'redis.call("EXISTS", suspect.proc) == suspect.lives',
    replace: '(isHandOff or redis.call("EXISTS", suspect.proc) == 0)',
    guarantee: "hand-off: a holder whose liveness has ended hands nothing off",
  },
  {
    name: "hand-off: an attach does not compare fences",
    script: "acquire",
    find: "and (not isHandOff or record.fence == suspect.fence) then",
    replace: "then",
    guarantee: "hand-off: another fence than the holder's attaches nothing",
  },
  {
    name: "hand-off: an attach does not compare owner hashes",
    script: "acquire",
    find: "and suspect and record.ownerHash == suspect.ownerHash\n",
    replace: "and suspect and (isHandOff or record.ownerHash == suspect.ownerHash)\n",
    guarantee: "hand-off: another owner or process than the holder's attaches nothing",
  },
  {
    name: "hand-off: an attach does not compare process hashes",
    script: "acquire",
    find: "and record.processHash == suspect.processHash\n",
    replace: "and (isHandOff or record.processHash == suspect.processHash)\n",
    guarantee: "hand-off: another owner or process than the holder's attaches nothing",
  },
  {
    name: "hand-off: an attach takes a key that is free",
    script: "acquire",
    find: FREE,
    replace: "",
    guarantee: "hand-off: a lock that was released or forced is not there to attach",
  },
  {
    name: "hand-off: an attach of several keys takes those that are free",
    script: "acquire",
    find: "#own + #taken < claims and not refusal",
    replace: "#own + #taken == 0 and not refusal",
    guarantee: "hand-off: of several keys none passes when one is free",
  },
  {
    name: "hand-off: an attach of several keys sent again takes those that have become free",
    script: "acquire",
    find: "#own + #taken < claims and not refusal",
    replace: "#own == 0 and #taken < claims and not refusal",
    guarantee: "hand-off: an attach of several keys sent again takes none that has become free",
  },
  {
    name: "hand-off: an attach sent again does not find itself",
    script: "acquire",
    find: "#own + #taken < claims and not refusal",
    replace: "#taken < claims and not refusal",
    guarantee: "hand-off: an attach sent again finds itself",
  },
  {
    name: "hand-off: an attach of a lock that another holds is told that it is gone",
    script: "acquire",
    find: FREE,
    replace: "if isHandOff and #own + #taken < claims then isGone = true end\n",
    guarantee:
      "hand-off: a second attach is refused, while the first holds the lock and afterwards",
  },
  {
    name: "hand-off: an attach that finds nothing at all takes the key",
    script: "acquire",
    find: "or #KEYS > 2 + 2 * claims or",
    replace: "or",
    guarantee: "hand-off: a lock that has expired is not there to attach",
  },
  {
    name: "hand-off: an attach leaves the old owner's liveness",
    script: "acquire",
    find: '  redis.call("DEL", suspects[taken[i]].proc)\n',
    replace: "",
    guarantee:
      "hand-off: nothing is left of the old owner but its tombstone, and the time is the heir's",
  },
  {
    name: "hand-off: an attach does not go on above the old owner's fence",
    script: "acquire",
    find: "      highestFence = math.max(highestFence, suspect.fence or 0)\n",
    replace: "",
    guarantee: "R6 an attach goes on above the fence it takes over, though the counter was lost",
  },
];
