#!/usr/bin/env node
import manifest from "../../package.json" with { type: "json" };
import { isLockError } from "../errors.ts";
import { LockService } from "../lock-service.ts";
import { findCredentials, type Credentials } from "../upstash/credentials.ts";
import { upstash } from "../upstash/upstash.ts";
import { UsageError, helpText, readArguments, type Arguments } from "./arguments.ts";
import { forget, inspect, ls, recall, release, watch, type Call } from "./commands.ts";
import { diagnose, type Finding } from "./doctor.ts";
import { columns, json, safe } from "./text.ts";

const MARKS = { ok: "ok", warning: "warn", problem: "FAIL" } as const;

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const warn = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(args: readonly string[]): Promise<number> {
  const options = readArguments(args);
  const { command } = options;
  if (command === "help") process.stdout.write(helpText());
  if (command === "version") print(manifest.version);
  if (command === "help" || command === "version") return 0;
  const { prefix } = options;
  const database = upstash(undefined, { prefix });
  const locks = new LockService({ database });
  if (command === "doctor") return doctor(options, locks);
  // So that what is wrong with it is told before anything is asked or shown.
  findCredentials(undefined);
  const end = new AbortController();
  process.once("SIGINT", () => end.abort());
  const call: Call = { ...options, locks, print, warn, signal: end.signal };
  return { ls, inspect, watch, release, recall, forget }[command](call);
}

async function doctor({ json: isJson, prefix }: Arguments, locks: LockService): Promise<number> {
  const findings = await findingsOf(prefix ?? "leasehold:", locks);
  if (isJson) {
    print(json({ findings }));
  } else {
    const rows = findings.map(({ check, status, message }) => [MARKS[status], check, message]);
    const lines = columns(rows).split("\n");
    findings.forEach(({ advice }, at) => {
      print(lines[at] ?? "");
      if (advice !== undefined) print(`      -> ${advice}`);
    });
  }
  return findings.some(({ status }) => status === "problem") ? 1 : 0;
}

async function findingsOf(prefix: string, locks: LockService): Promise<readonly Finding[]> {
  let credentials: Credentials;
  try {
    credentials = findCredentials(undefined);
  } catch (error) {
    const advice = "set UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN";
    return [{ check: "credentials", status: "problem", message: messageOf(error), advice }];
  }
  return diagnose(credentials, prefix, locks);
}

/** The last guard: whatever a database or proxy says, the token is not repeated. */
function messageOf(error: unknown): string {
  const text = safe(error instanceof Error ? error.message : String(error));
  const { UPSTASH_REDIS_REST_TOKEN = "", KV_REST_API_TOKEN = "" } = process.env;
  return [UPSTASH_REDIS_REST_TOKEN, KV_REST_API_TOKEN]
    .filter((token) => token !== "")
    .reduce((shown, token) => shown.replaceAll(token, "…"), text);
}

function statusOf(error: unknown): number {
  const isUsage = error instanceof UsageError || isLockError(error, "LOCK_CONFIGURATION");
  return isUsage ? 2 : 3;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  warn(`leasehold: ${messageOf(error)}`);
  process.exitCode = statusOf(error);
}
