import { Catch, type ArgumentsHost, type ExceptionFilter } from "@nestjs/common";
import { checkOneOf, checkOptions, type OptionNames } from "../check.ts";
import { LockError, isHeldByAnother, isLockError } from "../errors.ts";
import { BUSY_STATUSES, type BusyStatus } from "../http/problem.ts";
import { retryAfter } from "../retry.ts";

/** What an HTTP response of Express and of Fastify have in common. */
interface HttpResponse {
  status(code: number): HttpResponse;
  header(name: string, value: string): HttpResponse;
  send(body: string): unknown;
}

/** Options of {@link LockExceptionFilter}. */
export interface LockExceptionFilterOptions {
  /** Status when another holds the lock. @default 409 */
  readonly status?: BusyStatus | undefined;
}

const FILTER_OPTIONS: OptionNames<LockExceptionFilterOptions> = { status: true };

/**
 * Answers requests that failed for their lock, as problem+json (RFC 9457): 409 with Retry-After when
 * another holds it, 503 when the database gave no answer, 400 for an invalid key, as keys are made of
 * requests, 500 for everything else. No response reveals who holds a lock.
 *
 * @example app.useGlobalFilters(new LockExceptionFilter());
 */
export class LockExceptionFilter implements ExceptionFilter<LockError> {
  readonly #status: BusyStatus;

  /** @throws LockConfigurationError naming the option */
  constructor(options: LockExceptionFilterOptions = {}) {
    checkOptions("LockExceptionFilter", options, FILTER_OPTIONS);
    const { status = 409 } = options;
    checkOneOf("status", status, BUSY_STATUSES);
    this.#status = status;
  }

  catch(error: LockError, host: ArgumentsHost): void {
    // Of a microservice or a resolver, somebody else knows how to answer.
    if (host.getType() !== "http") throw error;
    const { status, title, retryAfter: seconds } = this.#problemOf(error);
    const response = host.switchToHttp().getResponse<HttpResponse>();
    response.status(status).header("content-type", "application/problem+json");
    if (seconds !== undefined) response.header("retry-after", seconds);
    response.send(JSON.stringify({ type: "about:blank", title, status }));
  }

  #problemOf(error: LockError): {
    readonly status: number;
    readonly title: string;
    readonly retryAfter?: string;
  } {
    if (isHeldByAnother(error)) {
      const title = TITLES[this.#status];
      return { status: this.#status, title, retryAfter: retryAfter(error.remainingMs) };
    }
    const isUnanswered =
      isLockError(error, "LOCK_ACQUISITION") || isLockError(error, "LOCK_DATABASE");
    if (isUnanswered) return { status: 503, title: "Service Unavailable", retryAfter: "1" };
    const isBadKey = isLockError(error, "LOCK_CONFIGURATION") && error.option === "key";
    if (isBadKey) return { status: 400, title: "Bad Request" };
    return { status: 500, title: "Internal Server Error" };
  }
}

const TITLES = { 409: "Conflict", 423: "Locked", 429: "Too Many Requests" } as const;

/** Stands for the errors of every copy of the package, of which ESM and CommonJS load one each. */
abstract class AnyLockError extends LockError {
  /** Nest asks `error instanceof AnyLockError`. */
  static override [Symbol.hasInstance](error: unknown): boolean {
    return isLockError(error);
  }
}

// Called as a function: the published code must load without decorator syntax.
Catch(AnyLockError)(LockExceptionFilter);
