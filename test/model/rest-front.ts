import type { LockData } from "../../src/database/lock-record.ts";
import {
  isFailed,
  type AcquireOutcome,
  type AcquireRequest,
  type Claim,
  type Claims,
  type JobOutcome,
  type ReleaseOutcome,
} from "../../src/database/operations.ts";
import type { ResultRecord } from "../../src/database/result-record.ts";
import { isLockError } from "../../src/errors.ts";
import type { Backend, Carry, Wait } from "./network.ts";
import type { Command } from "./evidence.ts";

/** One command on its way to Redis and back: resolves with the reply of its script. */
type Exchange = (carry: Carry, wait: Wait) => Promise<readonly unknown[]>;

type Script = (backend: Backend, keys: readonly string[], args: readonly string[]) => Exchange;

const exchange =
  <T>(
    command: Command,
    apply: () => Promise<T>,
    replyOf: (outcome: T) => readonly unknown[],
  ): Exchange =>
  async (carry, wait) =>
    replyOf(await carry(command, apply, wait));

function acquireOf(
  keys: readonly string[],
  args: readonly string[],
): AcquireRequest & { readonly claims: Claims } {
  const [count, ttlMs = 0, livenessMs = 0] = args.slice(0, 3).map(Number);
  const claims = claimsOf(keys.slice(2), args.slice(6), count);
  const holders = quadruples(args.slice(6 + claims.length, -1)).map(
    ([claimNumber, ownerHash, processHash, fence]) => {
      const key = claims[Number(claimNumber) - 1]?.key ?? "";
      const suspect = { key, ownerHash, processHash };
      return fence === "" ? suspect : { ...suspect, fence: Number(fence) };
    },
  );
  const handedOff = holders.filter((holder) => "fence" in holder);
  const others = handedOff.length > 0 ? { suspects: [], handedOff } : { suspects: holders };
  return { claims, ttlMs, livenessMs, ...others };
}

function acquireReply(claims: readonly Claim[], outcome: AcquireOutcome): readonly unknown[] {
  const numberOf = (key: string): number => 1 + claims.findIndex((claim) => claim.key === key);
  if (outcome.status === "granted") {
    const { fence, takenOver = "" } = outcome;
    return ["GRANTED", String(fence), numberOf(takenOver)];
  }
  if (outcome.status !== "held") return [outcome.status.toUpperCase()];
  const { key, lockData, remainingMs } = outcome;
  return ["SOMEONE_ELSE_HOLDS_LOCK", "", numberOf(key), text(lockData), remainingMs ?? -1];
}

function releaseOf(
  [, ...keys]: readonly string[],
  [, ...records]: readonly string[],
): {
  readonly claims: Claims;
  readonly fence: number | undefined;
} {
  const claims = records.map((json, index): Claim => {
    return { key: keyOf(keys[2 * index]), lockData: record(json) };
  });
  return { claims: atLeastOne(claims), fence: claims[0]?.lockData.fence };
}

function releaseReply({ status, lockData, ...rest }: ReleaseOutcome): readonly unknown[] {
  return [
    { released: "RELEASED", missing: "NO_KEY", held: "SOMEONE_ELSE_HOLDS_LOCK" }[status],
    text(lockData),
    "isTaken" in rest ? 1 : 0,
  ];
}

/** The keys and arguments of each job of a command, without the result's key. */
function jobsOf(
  keys: readonly string[],
  args: readonly string[],
): readonly { readonly resultKey: string; keys: readonly string[]; args: readonly string[] }[] {
  if (args.length === 0) return [];
  const [keyCount = 0, argCount = 0] = args.slice(0, 2).map(Number);
  const [resultName, ...own] = keys.slice(0, keyCount);
  const job = { resultKey: keyOf(resultName), keys: own, args: args.slice(2, 2 + argCount) };
  return [job, ...jobsOf(keys.slice(keyCount), args.slice(2 + argCount))];
}

function jobReplies<Outcome extends { readonly status: string }>(
  outcomes: readonly JobOutcome<Outcome>[],
  replyOf: (outcome: Outcome, index: number) => readonly unknown[],
): readonly unknown[] {
  const replies = outcomes.map((outcome, index) =>
    isFailed(outcome) ? ["FAILED", "OOM not allowed"] : replyOf(outcome, index),
  );
  return ["SUCCESS", replies];
}

/** What each script is asked for, and replies: see src/redis/lua. */
const SCRIPTS: Readonly<Record<string, Script>> = {
  acquire(backend, keys, args) {
    const request = acquireOf(keys, args);
    return exchange(
      { operation: "acquire", request },
      () => backend.acquire(request),
      (outcome) => acquireReply(request.claims, outcome),
    );
  },
  admit(backend, allKeys, allArgs) {
    const request = jobsOf(allKeys, allArgs).map(({ resultKey, keys, args }) => {
      const { claims, ...rest } = acquireOf(keys, args);
      return { ...rest, claims: [claims[0]], resultKey } as const;
    });
    return exchange(
      { operation: "admit", request },
      () => backend.admit(request),
      (outcomes) =>
        jobReplies(outcomes, (outcome, index) => {
          if (outcome.status === "remembered") return ["REMEMBERED", text(outcome.record)];
          return acquireReply(request[index]?.claims ?? [], outcome);
        }),
    );
  },
  complete(backend, allKeys, allArgs) {
    const request = jobsOf(allKeys, allArgs).map(({ resultKey, keys, args }) => {
      const [rememberMs, json = "", , ...own] = args;
      const { claims, fence } = releaseOf(keys, own);
      const stored = JSON.parse(json) as ResultRecord;
      return {
        claims: [claims[0]],
        fence,
        resultKey,
        record: stored,
        rememberMs: Number(rememberMs),
      } as const;
    });
    return exchange(
      { operation: "complete", request },
      () => backend.complete(request),
      (outcomes) =>
        jobReplies(outcomes, (outcome) => {
          if (outcome.status !== "released") return releaseReply(outcome);
          return ["RELEASED", outcome.kept === "unknown" ? "" : outcome.kept];
        }),
    );
  },
  recall(backend, [name]) {
    const key = keyOf(name);
    return exchange<object | null>(
      { operation: "recall", key },
      () => backend.recall(key),
      (found) => ["SUCCESS", text(found)],
    );
  },
  forget(backend, [name], [ownerHash = ""]) {
    const key = keyOf(name);
    return exchange(
      { operation: "forget", key, ownerHash },
      () => backend.forget(key, ownerHash),
      (isDone) => [isDone ? "SUCCESS" : "NO_KEY"],
    );
  },
  renew(backend, keys, args) {
    const request = keys
      .filter((_, index) => index % 2 === 0)
      .map((name, index) => {
        const [ttlMs = 0, livenessMs = 0] = args.slice(5 * index + 3).map(Number);
        const lockData = record(args[5 * index + 5]);
        return { key: keyOf(name), lockData, ttlMs, livenessMs };
      });
    return exchange(
      { operation: "renew", request },
      () => backend.renew(request),
      (outcomes) => ["SUCCESS", outcomes.map((one) => (one === "renewed" ? "SUCCESS" : "LOST"))],
    );
  },
  release(backend, keys, args) {
    const request = releaseOf(keys, args);
    return exchange(
      { operation: "release", request },
      () => backend.release(request),
      releaseReply,
    );
  },
  inspect(backend, [name]) {
    const key = keyOf(name);
    return exchange(
      { operation: "inspect", key },
      () => backend.inspect(key),
      (seen) => {
        if (seen === null) return ["NO_KEY", "", 0, 0, ""];
        const { lockData, remainingMs, alive } = seen;
        return ["SUCCESS", text(lockData), remainingMs ?? -1, alive ? 1 : 0, "sha1:any"];
      },
    );
  },
  "force-delete"(backend, [name], [, owner = ""]) {
    const [key, ownerHash] = [keyOf(name), owner === "" ? null : owner];
    return exchange(
      { operation: "forceDelete", key, ownerHash },
      () => backend.forceDelete(key, ownerHash),
      (isDeleted) => [isDeleted ? "SUCCESS" : "NO_KEY"],
    );
  },
  read(backend, [name = ""]) {
    const key = keyOf(name);
    const isLock = name.startsWith("lock:");
    return exchange<object | null>(
      { operation: "read", key },
      () => (isLock ? backend.readLockData(key) : backend.readProcessData(key)),
      (data) => ["SUCCESS", text(data)],
    );
  },
};

function claimsOf(keys: readonly string[], args: readonly string[], count = 0): Claims {
  const claims = Array.from({ length: count }, (_, index): Claim => {
    return { key: keyOf(keys[2 * index]), lockData: record(`${args[index]}}`) };
  });
  return atLeastOne(claims);
}

function atLeastOne([first, ...others]: readonly Claim[]): Claims {
  if (first === undefined) throw new Error("a command without claims");
  return [first, ...others];
}

function quadruples(
  all: readonly string[],
): readonly (readonly [string, string, string, string])[] {
  return Array.from({ length: all.length / 4 }, (_, index) => {
    const [one = "", two = "", three = "", four = ""] = all.slice(4 * index);
    return [one, two, three, four];
  });
}

/** Of a key in Redis, without `lock:`, `proc:` or `done:`. */
function keyOf(name = ""): string {
  return name.slice("lock:".length);
}

function record(json = ""): LockData {
  return JSON.parse(json) as LockData;
}

function text(stored: object | null): string {
  return stored === null ? "" : JSON.stringify(stored);
}

/** Words of Redis, which come as an answer. */
const REFUSAL = /^(?:LOADING|READONLY|BUSY|NOAUTH|ERR) /;

/** How what a wire fails with looks over HTTP. */
function failureOf(thrown: unknown): Response {
  const { message } = thrown as Error;
  if (isLockError(thrown)) return Response.json({ error: "OOM not allowed" }, { status: 400 });
  if (REFUSAL.test(message)) return Response.json({ error: message }, { status: 503 });
  if (message === "Bad Gateway") return new Response(`<h1>${message}</h1>`, { status: 502 });
  // The connection ends before, or within, the answer.
  if (message !== "Network connection lost.")
    throw new TypeError("fetch failed", { cause: thrown });
  return new Response('{"result":["SUCC');
}

/** A REST front in simulated time: a database stands for its Redis, a wire for the way there. */
export class SimulatedFront {
  readonly url: string = `https://redis-${(opened += 1)}${SIMULATED}`;
  /** Requests that have neither been answered nor given up. */
  open = 0;
  readonly #backend: Backend;
  readonly #carry: Carry;

  constructor(backend: Backend, carry: Carry) {
    this.#backend = backend;
    this.#carry = carry;
  }

  async answer({ body, signal }: RequestInit): Promise<Response> {
    const [, script = "", count, ...rest] = JSON.parse(
      typeof body === "string" ? body : "[]",
    ) as string[];
    const known = SCRIPTS[/^-- leasehold:(\S+)/.exec(script)?.[1] ?? ""];
    if (known === undefined) throw new Error(`the simulator does not know ${script}`);
    const ask = known(this.#backend, rest.slice(0, Number(count)), rest.slice(Number(count)));
    const wait = { isOver: false };
    const givenUp = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener("abort", () => {
        wait.isOver = true;
        reject(signal.reason);
      });
    });
    this.open += 1;
    try {
      return Response.json({ result: await Promise.race([ask(this.#carry, wait), givenUp]) });
    } catch (thrown) {
      return failureOf(thrown);
    } finally {
      this.open -= 1;
    }
  }

  /** From now on `fetch` does not find it. */
  close(): void {
    fronts.delete(this.url);
    if (fronts.size === 0) globalThis.fetch = platformFetch;
  }
}

const SIMULATED = ".test";
const fronts = new Map<string, SimulatedFront>();
let platformFetch = globalThis.fetch;
let opened = 0;

/** Opens a front, which `fetch` finds. */
export function openFront(backend: Backend, carry: Carry): SimulatedFront {
  const front = new SimulatedFront(backend, carry);
  if (fronts.size === 0) {
    platformFetch = globalThis.fetch;
    globalThis.fetch = simulatedFetch;
  }
  fronts.set(front.url, front);
  return front;
}

async function simulatedFetch(url: unknown, request: RequestInit = {}): Promise<Response> {
  const front = fronts.get(String(url));
  if (front !== undefined) return front.answer(request);
  if (String(url).endsWith(SIMULATED)) throw new Error(`nothing is simulated at ${String(url)}`);
  // Of a test that runs after one that was ended by its timeout.
  return platformFetch(url as RequestInfo, request);
}
