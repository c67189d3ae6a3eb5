import { Catch, type ArgumentsHost, type ExceptionFilter } from "@nestjs/common";
import { checkOneOf, checkOptions, type OptionNames } from "../check.ts";
import { LockError, isHeldByAnother, isLockError } from "../errors.ts";
import { BAD_KEY, LOST, UNAVAILABLE, busy } from "../http/lock-problems.ts";
import {
  BUSY_STATUSES,
  problemHeaders,
  problemText,
  type BusyStatus,
  type Problem,
} from "../http/problem.ts";

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
    const problem = this.#problemOf(error);
    const response = host.switchToHttp().getResponse<HttpResponse>().status(problem.status);
    for (const [name, value] of Object.entries(problemHeaders(problem))) {
      response.header(name, value);
    }
    response.send(problemText(problem));
  }

  #problemOf(error: LockError): Problem {
    if (isHeldByAnother(error)) return busy(this.#status, error);
    const isUnanswered =
      isLockError(error, "LOCK_ACQUISITION") || isLockError(error, "LOCK_DATABASE");
    if (isUnanswered) return UNAVAILABLE;
    if (isLockError(error, "LOCK_LOST")) return LOST;
    const isBadKey = isLockError(error, "LOCK_CONFIGURATION") && error.option === "key";
    return isBadKey ? BAD_KEY : { status: 500 };
  }
}

/** Stands for the errors of every copy of the package, of which ESM and CommonJS load one each. */
abstract class AnyLockError extends LockError {
  /** Nest asks `error instanceof AnyLockError`. */
  static override [Symbol.hasInstance](error: unknown): boolean {
    return isLockError(error);
  }
}

// Called as a function: the published code must load without decorator syntax.
Catch(AnyLockError)(LockExceptionFilter);
