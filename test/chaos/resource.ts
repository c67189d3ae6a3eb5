/** What a lock protects: a record in Redis that checks fences and logs every access. */
export interface Resource {
  /** Presents the fence, and reads; undefined if a newer fence, or another owner of the same, was seen. */
  enter(fence: number, who: string): Promise<number | undefined>;
  /** False when rejected. */
  write(fence: number, who: string, value: number): Promise<boolean>;
}

/** One line of a resource's log. `enter` and `write` were accepted, the others rejected. */
export interface ResourceEntry {
  readonly what: "enter" | "write" | "stale-enter" | "stale-write";
  readonly fence: number;
  readonly who: string;
  /** The value read or written. */
  readonly value: number;
  /** By Redis's own clock, in ms. */
  readonly at: number;
}

type Eval = (script: string, keys: string[], args: string[]) => Promise<unknown>;

/** KEYS: record, log. ARGV: what, fence, who, value. Returns { 1 if accepted, value }. */
const TOUCH = `
local what, fence, who, value = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local newest = redis.call("HGET", KEYS[1], "fence")
local owner = redis.call("HGET", KEYS[1], "who")
local time = redis.call("TIME")
local at = string.format("%.0f", time[1] * 1000 + math.floor(time[2] / 1000))
local ok = not newest or tonumber(fence) > tonumber(newest) or fence == newest and who == owner
if ok then
  redis.call("HSET", KEYS[1], "fence", fence, "who", who)
  if what == "write" then redis.call("HSET", KEYS[1], "value", value) end
end
value = what == "write" and value or redis.call("HGET", KEYS[1], "value") or "0"
redis.call("RPUSH", KEYS[2], table.concat({ ok and what or "stale-" .. what, fence, who, value, at }, " "))
return { ok and 1 or 0, value }
`;

/** @param name of the record; its log is beside it. `who` must be without spaces. */
export function openResource(evaluate: Eval, name: string): Resource {
  const touch = async (...args: string[]): Promise<number | undefined> => {
    const reply = (await evaluate(TOUCH, [name, resourceLog(name)], args)) as unknown[];
    return Number(reply[0]) === 1 ? Number(reply[1]) : undefined;
  };
  return {
    enter: (fence, who) => touch("enter", String(fence), who, ""),
    write: async (fence, who, value) =>
      (await touch("write", String(fence), who, String(value))) !== undefined,
  };
}

export function resourceLog(name: string): string {
  return `${name}:log`;
}

export function parseEntry(line: string): ResourceEntry {
  const [what, fence, who = "", value, at] = line.split(" ");
  return {
    what: what as ResourceEntry["what"],
    fence: Number(fence),
    who,
    value: Number(value),
    at: Number(at),
  };
}

/** What a log must not show: decreasing fences, a fence with two owners, a lost update. */
export function logFlaws(entries: readonly ResourceEntry[]): string[] {
  const flaws: string[] = [];
  let value = 0;
  let fence = 0;
  let owner = "";
  for (const entry of entries.filter(({ what }) => !what.startsWith("stale"))) {
    if (entry.fence < fence) flaws.push(`fence ${entry.fence} after ${fence}`);
    if (entry.fence === fence && entry.who !== owner) flaws.push(`fence ${fence} has two owners`);
    if (entry.what === "write" && entry.value !== value + 1) {
      flaws.push(`${entry.who} wrote ${entry.value} over ${value}: an update was lost`);
    }
    if (entry.what === "write") ({ value } = entry);
    ({ fence, who: owner } = entry);
  }
  return flaws;
}
