import { checkInteger, checkOneOf, checkType, type OptionNames } from "../check.ts";
import { LockConfigurationError, isHeldByAnother, isLockError } from "../errors.ts";
import { checkText } from "../key.ts";
import type { AcquireOptions } from "../lock-options.ts";
import type { LockService } from "../lock-service.ts";
import type { Lock } from "../lock.ts";
import type { Codec } from "../once/codec.ts";
import type { OnceOutcome } from "../once/once.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { parseIdempotencyKey } from "./idempotency-key.ts";
import { PROBLEMS } from "./idempotency-problems.ts";
import {
  captureResponse,
  replayed,
  type CapturedResponse,
  type StoredResponse,
} from "./stored-response.ts";

/** Options of `idempotency`, whatever its adapter calls a request; times in ms. */
export interface IdempotencyOptions<Args extends readonly unknown[]> extends Pick<
  AcquireOptions,
  "ttl" | "waitTimeout" | "autoRenew"
> {
  /**
   * Whose keys they are, such as a user's id: nobody gets the response to another's request. `"public"`
   * for all, where a response holds nothing that is somebody's own.
   */
  readonly scope: "public" | ((...args: Args) => string | Promise<string>);
  /** Refuses a request without the header. @default false */
  readonly required?: boolean | undefined;
  /** How long a response is remembered, in ms. @default 86_400_000 (a day) */
  readonly remember?: number | undefined;
  /** While the first request is at work: `refuse` with 409, or `join` it and replay. @default "refuse" */
  readonly ifRunning?: "refuse" | "join" | undefined;
  /** Distinguishes requests with the same key. @default a digest of method, path, query and body */
  readonly fingerprint?: ((...args: Args) => string | Promise<string>) | undefined;
  /** A larger request is refused with 413, unless `fingerprint` is yours. @default 1_048_576 */
  readonly maxBodyBytes?: number | undefined;
  /** A larger response, or a stream, is sent, and not kept: duplicates are told so. @default 262_144 */
  readonly maxResponseBytes?: number | undefined;
  /** Which responses are remembered. @default all but 5xx, 408, 425, 429 and those with Retry-After */
  readonly isFinal?: ((response: Response) => boolean) | undefined;
  /**
   * `wait` stores the response before it is sent. `background` sends it first: should storing it fail, a
   * duplicate runs again. @default "wait"
   */
  readonly complete?: "wait" | "background" | undefined;
}

export const IDEMPOTENCY_OPTIONS: OptionNames<IdempotencyOptions<never>> = {
  ttl: true,
  waitTimeout: true,
  autoRenew: true,
  scope: true,
  required: true,
  remember: true,
  ifRunning: true,
  fingerprint: true,
  maxBodyBytes: true,
  maxResponseBytes: true,
  isFinal: true,
  complete: true,
};

/** @throws LockConfigurationError naming the option and its value */
export function checkIdempotencyOptions(options: IdempotencyOptions<never>): void {
  const {
    scope,
    required,
    ifRunning = "refuse",
    fingerprint,
    isFinal,
    complete = "wait",
  } = options;
  if (scope !== "public") checkType("scope", scope, "function");
  if (required !== undefined) checkType("required", required, "boolean");
  checkOneOf("ifRunning", ifRunning, ["refuse", "join"]);
  checkOneOf("complete", complete, ["wait", "background"]);
  if (options.waitTimeout !== undefined && ifRunning !== "join") {
    throw new LockConfigurationError("waitTimeout", 'is for waiting, and needs ifRunning: "join"');
  }
  for (const [name, value] of Object.entries({ fingerprint, isFinal })) {
    if (value !== undefined) checkType(name, value, "function");
  }
  checkLimits(options);
}

function checkLimits({ maxBodyBytes = 0, maxResponseBytes = 0 }: IdempotencyOptions<never>): void {
  checkInteger("maxBodyBytes", maxBodyBytes, 0);
  checkInteger("maxResponseBytes", maxResponseBytes, 0, MAX_STORED_BYTES);
}

/** What one response may take in one request to the database, with room for its encoding. */
const MAX_STORED_BYTES = 2_000_000;

/** One request to answer once. */
export interface IdempotentCall<Args extends readonly unknown[]> {
  readonly request: Request;
  /** What the functions among the options are called with. */
  readonly args: Args;
  readonly locks: () => LockService;
  readonly options: IdempotencyOptions<Args>;
  /** Runs the handler under the lock. */
  readonly handle: (lock: Lock) => Promise<Response>;
}

/**
 * The response to a request: its handler's, or the one remembered, or a problem. Undefined where the
 * request is none that is answered once.
 */
export async function answerOnce<Args extends readonly unknown[]>(
  call: IdempotentCall<Args>,
): Promise<Response | undefined> {
  const { request, options, args } = call;
  if (/^(?:GET|HEAD|OPTIONS)$/.test(request.method)) return undefined;
  const header = request.headers.get("idempotency-key");
  if (header === null) return options.required === true ? PROBLEMS.missing() : undefined;
  const key = parseIdempotencyKey(header);
  if (key === undefined) return PROBLEMS.malformed();
  const { maxBodyBytes = 1_048_576 } = options;
  const fingerprint = options.fingerprint
    ? await options.fingerprint(...args)
    : await fingerprintOf(request, maxBodyBytes);
  if (fingerprint === undefined) return PROBLEMS.tooLarge(maxBodyBytes);
  const scope = await scopeOf(options, args);
  // Encoded: with a colon in it, one scope could otherwise pass for another.
  const name = `idempotency:${encodeURIComponent(scope)}:${encodeURIComponent(key)}`;
  try {
    return await runOnce(call, name, fingerprint);
  } catch (error) {
    return failure(error);
  }
}

async function scopeOf<Args extends readonly unknown[]>(
  { scope }: IdempotencyOptions<Args>,
  args: Args,
): Promise<string> {
  return scope === "public" ? "" : checkText("scope", await scope(...args), 1, 200);
}

async function runOnce<Args extends readonly unknown[]>(
  { locks, options, handle }: IdempotentCall<Args>,
  name: string,
  fingerprint: string,
): Promise<Response> {
  const { ttl, waitTimeout, autoRenew, remember, maxResponseBytes = 262_144 } = options;
  let first: Response | undefined;
  let sendEarly: ((response: Response) => void) | undefined;
  const early = new Promise<Response>((resolve) => {
    sendEarly = resolve;
  });
  const work = async (lock: Lock): Promise<CapturedResponse> => {
    const response = await handle(lock);
    if (!(options.isFinal ?? isFinalByDefault)(response)) throw new NotFinal(response);
    const captured = await captureResponse(response, maxResponseBytes);
    first = captured.response;
    if (options.complete === "background") sendEarly?.(first);
    return captured;
  };
  const once = locks().once(name, work, {
    ttl,
    waitTimeout,
    autoRenew,
    remember,
    fingerprint,
    ifRunning: options.ifRunning === "join" ? "join" : "throw",
    // The response has a limit of its own.
    maxResultBytes: 3 * MAX_STORED_BYTES,
    codec: CODEC,
  });
  const answered = once.then(
    (outcome) => first ?? replay(outcome),
    (error: unknown) => {
      if (error instanceof NotFinal) return error.response;
      throw error;
    },
  );
  return Promise.race([early, answered]);
}

/** What is stored of a response that has been read. */
const CODEC: Codec<CapturedResponse> = {
  encode({ stored }) {
    if (stored !== undefined) return JSON.stringify(stored);
    throw new LockConfigurationError("maxResponseBytes", "the response is larger, or a stream");
  },
  decode(text) {
    const stored = JSON.parse(text) as StoredResponse;
    return { stored, response: replayed(stored) };
  },
};

function replay(outcome: OnceOutcome<CapturedResponse>): Response {
  const result = outcome.status === "running" ? undefined : outcome.result;
  return result?.response ?? PROBLEMS.notKept();
}

/** The work has a response, and has not completed: it may run again. */
class NotFinal extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super("not to be remembered");
    this.response = response;
  }
}

function isFinalByDefault({ status, headers }: Response): boolean {
  const isTransient = status >= 500 || status === 408 || status === 425 || status === 429;
  return !isTransient && !headers.has("retry-after");
}

function failure(error: unknown): Response {
  if (isLockError(error, "LOCK_FINGERPRINT")) return PROBLEMS.otherRequest();
  if (isHeldByAnother(error)) return PROBLEMS.running(error.remainingMs);
  if (isLockError(error, "LOCK_ACQUISITION")) return PROBLEMS.unavailable();
  if (isLockError(error, "LOCK_LOST")) return PROBLEMS.lost();
  throw error;
}
