import type { LockService } from "../lock-service.ts";
import type { Credentials } from "../upstash/credentials.ts";
import { RestClient } from "../upstash/rest-client.ts";
import { safe } from "./text.ts";

/** What one look at the database came to. */
export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warning" | "problem";
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

interface Patient {
  readonly credentials: Credentials;
  readonly prefix: string;
  readonly locks: LockService;
  readonly send: (...command: string[]) => Promise<unknown>;
}

const LONGEST_MS = 5_000;
/** Of `return 1`. */
const SHA1 = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

/** Looks at what locks depend on; without a connection, at nothing further. */
export async function diagnose(
  credentials: Credentials,
  prefix: string,
  locks: LockService,
): Promise<readonly Finding[]> {
  const client = new RestClient(() => credentials);
  const send = (...command: string[]): Promise<unknown> =>
    client.send(command, AbortSignal.timeout(LONGEST_MS));
  const patient = { credentials, prefix, locks, send };
  const host = new URL(credentials.url).host;
  const found: Finding[] = [{ check: "credentials", status: "ok", message: `found, for ${host}` }];
  const first = await roundTrip(patient);
  found.push(first);
  if (first.status === "problem") return found;
  const checks = [evaluates, byHash, eviction, persistence, clock, fence, foreignKeys, stream];
  for (const check of checks) found.push(await check(patient));
  return found;
}

function finding(
  check: string,
  status: Finding["status"],
  message: string,
  advice?: string,
): Finding {
  return { check, status, message, ...(advice === undefined ? {} : { advice }) };
}

async function roundTrip({ send, credentials }: Patient): Promise<Finding> {
  const times: number[] = [];
  try {
    for (let count = 0; count < 3; count += 1) {
      const start = performance.now();
      await send("PING");
      times.push(performance.now() - start);
    }
  } catch (error) {
    return noConnection(words(error), new URL(credentials.url).host);
  }
  const [, median = NaN] = times.toSorted((one, other) => one - other);
  const message = `a command takes ${median.toFixed(0)} ms`;
  if (median < 200) return finding("round trip", "ok", message);
  const advice =
    "run near the database: a lock takes two of these, and its TTL has to outlast them";
  return finding("round trip", "warning", message, advice);
}

function noConnection(message: string, host: string): Finding {
  if (/WRONGPASS|Unauthorized|NOAUTH|HTTP 40[13]/.test(message)) {
    const advice = "copy the token of this database anew: the REST token, not the password for TCP";
    return finding("round trip", "problem", `${host} refuses the token (${message})`, advice);
  }
  const advice = "check the URL, the network and a firewall; the URL is that of REST, not redis://";
  return finding("round trip", "problem", `no answer from ${host}: ${message}`, advice);
}

async function evaluates({ send }: Patient): Promise<Finding> {
  try {
    await send("EVAL", "return 1", "0");
    return finding("EVAL", "ok", "scripts run");
  } catch (error) {
    const advice = "allow EVAL and EVALSHA: every operation is one script";
    return finding("EVAL", "problem", `refused: ${words(error)}`, advice);
  }
}

async function byHash({ send }: Patient): Promise<Finding> {
  try {
    await send("EVALSHA", SHA1, "0");
    return finding("EVALSHA", "ok", "scripts are found by their hash");
  } catch (error) {
    const advice = "locks work, but each command carries its whole script: allow EVALSHA";
    return finding("EVALSHA", "warning", `refused: ${words(error)}`, advice);
  }
}

/** A line of INFO; undefined where the database does not tell. */
async function info({ send }: Patient, section: string, name: string): Promise<string | undefined> {
  const text = await send("INFO", section).catch(() => "");
  const [, value] = new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(String(text)) ?? [];
  return value;
}

async function eviction(patient: Patient): Promise<Finding> {
  const policy = await info(patient, "memory", "maxmemory_policy");
  if (policy === undefined) {
    const advice = "see its console: eviction must be off";
    return finding("eviction", "warning", "the database does not tell its policy", advice);
  }
  if (policy === "noeviction") return finding("eviction", "ok", "off (noeviction)");
  const advice =
    "turn eviction off (maxmemory-policy noeviction), or use a database of its own for locks: an evicted lock is held by two";
  return finding("eviction", "problem", `${policy}: a full database drops locks`, advice);
}

async function persistence(patient: Patient): Promise<Finding> {
  const aof = await info(patient, "persistence", "aof_enabled");
  if (aof === undefined) {
    const advice = "see its console; without persistence a restart frees all locks";
    return finding("persistence", "warning", "the database does not tell", advice);
  }
  if (aof === "1") return finding("persistence", "ok", "append-only file");
  const advice =
    "turn on appendonly: after a restart, locks acquired since the last snapshot are free";
  return finding("persistence", "warning", "no append-only file", advice);
}

async function clock({ send }: Patient): Promise<Finding> {
  const before = Date.now();
  const time = await send("TIME").catch(() => undefined);
  const [seconds]: readonly unknown[] = Array.isArray(time) ? time : [];
  if (seconds === undefined)
    return finding("clock", "warning", "the database does not tell the time");
  const apart = Math.round(Number(seconds) - (before + Date.now()) / 2_000);
  if (Math.abs(apart) <= 5) return finding("clock", "ok", "as this machine's");
  const advice =
    "set both clocks by NTP: no lease depends on them, but fences after a loss of data go on above the clock";
  return finding("clock", "warning", `${apart} s from this machine's`, advice);
}

async function fence({ send, prefix }: Patient): Promise<Finding> {
  const key = `${prefix}fence`;
  let value: unknown;
  try {
    value = await send("GET", key);
  } catch (error) {
    const message = words(error);
    const advice = "look at this key yourself, and allow GET for it";
    if (!message.startsWith("WRONGTYPE"))
      return finding("fence counter", "warning", message, advice);
  }
  if (value === null || (typeof value === "string" && /^\d+$/.test(value))) {
    return finding("fence counter", "ok", value === null ? "not used yet" : "ours");
  }
  const message = `the key ${safe(key)} holds something else than our counter`;
  return finding("fence counter", "problem", message, "remove that key, or choose another prefix");
}

async function foreignKeys({ locks }: Patient): Promise<Finding> {
  const listing = locks.list({ maxCommands: 20 });
  const foreign: string[] = [];
  try {
    for await (const entry of listing) {
      const isOurs = entry.kind === "lock" ? entry.holder !== null : entry.completedAt !== null;
      if (!isOurs) foreign.push(entry.key);
    }
  } catch (error) {
    const advice = "allow SCAN in scripts: ls and watch need it, locks do not";
    return finding("keys", "warning", `cannot be listed: ${words(error)}`, advice);
  }
  const all = listing.cursor === null ? "" : ", as far as this looked";
  if (foreign.length === 0) return finding("keys", "ok", `none of others under the prefix${all}`);
  const shown = foreign.slice(0, 3).map((key) => safe(key.slice(0, 60)));
  const message = `${foreign.length} that we cannot read: ${shown.join(", ")}${all}`;
  return finding("keys", "warning", message, "another program uses this prefix: choose another");
}

async function stream({ credentials }: Patient): Promise<Finding> {
  const { url, token } = credentials;
  const end = new AbortController();
  const signal = AbortSignal.any([end.signal, AbortSignal.timeout(LONGEST_MS)]);
  const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" };
  const advice =
    "nothing, unless waiters are to be woken by messages: without them they look again";
  try {
    const answer = await fetch(`${url}/subscribe/leasehold-doctor`, { headers, signal });
    const isStream = answer.headers.get("content-type")?.includes("text/event-stream");
    const first = isStream ? await answer.body?.getReader().read() : undefined;
    if (first?.value !== undefined) return finding("SSE", "ok", "messages are streamed");
    return finding("SSE", "warning", `no event stream (HTTP ${answer.status})`, advice);
  } catch (error) {
    return finding("SSE", "warning", `no event stream (${words(error)})`, advice);
  } finally {
    end.abort();
  }
}

/** What went wrong, in a line. */
function words(error: unknown): string {
  const isLate = error instanceof Error && error.name === "TimeoutError";
  if (isLate) return `nothing within ${LONGEST_MS} ms`;
  return safe(error instanceof Error ? error.message : String(error)).slice(0, 200);
}
