import type { ArgumentsHost } from "@nestjs/common";
import { describe, expect, it } from "vitest";
import {
  DatabaseError,
  LockAcquisitionError,
  LockConfigurationError,
  LockLostError,
  LockNotOwnedError,
  LockService,
  type LockError,
} from "../../src/index.ts";
import { LockExceptionFilter, type LockExceptionFilterOptions } from "../../src/nestjs/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";

class Answer {
  code = 0;
  body = "";
  readonly headers: Record<string, string> = {};

  status(code: number): this {
    this.code = code;
    return this;
  }

  header(name: string, value: string): this {
    this.headers[name] = value;
    return this;
  }

  send(body: string): void {
    this.body = body;
  }
}

function hostOf(type: string, response: Answer): ArgumentsHost {
  const http = { getResponse: () => response, getRequest: () => ({}), getNext: () => undefined };
  return { getType: () => type, switchToHttp: () => http } as unknown as ArgumentsHost;
}

function answerTo(thrown: LockError, options?: LockExceptionFilterOptions): Answer {
  const answer = new Answer();
  new LockExceptionFilter(options).catch(thrown, hostOf("http", answer));
  return answer;
}

function held(remainingMs: number | null, reason: "held" | "timeout" = "held"): LockError {
  const message = 'Lock "secret-key" is held.';
  return new LockAcquisitionError(reason, "secret-key", message, {
    holder: "someone",
    remainingMs,
  });
}

const unanswered = new DatabaseError("secret-words", { applied: "unknown", retriable: true });

describe("LockExceptionFilter", () => {
  it.each([
    [undefined, 409, "Conflict"],
    [409, 409, "Conflict"],
    [423, 423, "Locked"],
    [429, 429, "Too Many Requests"],
  ] as const)("with status %s: a held lock is %i, as problem+json", (status, code, title) => {
    for (const reason of ["held", "timeout"] as const) {
      const answer = answerTo(held(2_001, reason), status === undefined ? {} : { status });
      expect(answer).toMatchObject({
        code,
        headers: { "content-type": "application/problem+json", "retry-after": "1" },
      });
      expect(JSON.parse(answer.body)).toEqual({
        type: "about:blank",
        title,
        status: code,
        detail: "Another request is working on this. Try again later.",
      });
    }
  });

  it.each([
    [null, /^1$/],
    [0, /^1$/],
    [5_000, /^1$/],
    [60_000, /^([6-9]|1[0-2])$/],
  ])("a lock with %s ms left is to be tried again after %s s", (remainingMs, seconds) => {
    expect(answerTo(held(remainingMs)).headers["retry-after"]).toMatch(seconds);
  });

  it.each<[string, LockError, number, string | undefined]>([
    [
      "no answer to an acquisition",
      new LockAcquisitionError("error", "k", "secret-words"),
      503,
      "1",
    ],
    ["an aborted wait", new LockAcquisitionError("aborted", "k", "secret-words"), 503, "1"],
    ["no answer to a question", unanswered, 503, "1"],
    ["a lost lock", new LockLostError("k", "secret-words"), 500, undefined],
    ["a lock of another", new LockNotOwnedError("k", "someone"), 500, undefined],
    ["a wrong option", new LockConfigurationError("ttl", "secret-words"), 500, undefined],
    ["a key that cannot be", new LockConfigurationError("key", "secret-words"), 400, undefined],
  ])("%s is answered without what went wrong", (_, error, code, retryAfter) => {
    const answer = answerTo(error);
    expect(answer.code).toBe(code);
    expect(answer.headers["retry-after"]).toBe(retryAfter);
  });

  it.each([
    ["an empty key", ""],
    ["one with NUL", "\0"],
    ["one of 1,001 bytes", "k".repeat(1_001)],
    ["101 keys", Array.from({ length: 101 }, (_, at) => `k${at}`)],
  ])("%s, made of the request, is the client's mistake: 400", async (_, key) => {
    const locks = new LockService({ database: new MemoryDatabase() });
    const error: unknown = await locks.acquire(key).catch((thrown: unknown) => thrown);
    const answer = answerTo(error as LockError);
    expect(answer).toMatchObject({
      code: 400,
      headers: { "content-type": "application/problem+json" },
    });
    expect(JSON.parse(answer.body)).toMatchObject({ title: "Bad Request", status: 400 });
  });

  it("no body tells the key, the holder, or what went wrong", () => {
    for (const error of [held(5), unanswered, new LockLostError("secret-key", "secret-words")]) {
      expect(answerTo(error).body).not.toMatch(/secret|someone/);
    }
  });

  it.each(["rpc", "ws", "graphql"])("an error of %s is passed on", (type) => {
    const error = held(5);
    const answer = new Answer();
    const caught = (): void => new LockExceptionFilter().catch(error, hostOf(type, answer));
    expect(caught).toThrow(error);
    expect(answer.code).toBe(0);
  });

  it("is called by Nest for lock errors, and for no others", () => {
    const types = Reflect.getMetadata(
      "__filterCatchExceptions__",
      LockExceptionFilter,
    ) as (typeof LockConfigurationError)[];
    const catches = (error: Error): boolean => types.some((type) => error instanceof type);
    expect([held(5), unanswered, new RangeError("a")].map(catches)).toEqual([true, true, false]);
  });

  it("refuses options with an unknown name or value", () => {
    const make = (options: unknown) => () =>
      new LockExceptionFilter(options as LockExceptionFilterOptions);
    expect(make({ statusCode: 423 })).toThrow(/did you mean "status"/);
    expect(make({ status: 418 })).toThrow(expect.objectContaining({ option: "status" }));
    expect(make(null)).toThrow(LockConfigurationError);
  });
});
