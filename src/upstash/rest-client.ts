import { DatabaseError } from "../errors.ts";
import type { RedisClient } from "../redis/client.ts";
import type { Credentials } from "./credentials.ts";

/**
 * Carries commands to Upstash's REST API, or to one that is compatible: one POST each, sent once, so
 * that the lock decides about retries. https://upstash.com/docs/redis/features/restapi
 */
export class RestClient implements RedisClient {
  readonly #find: () => Credentials;
  #credentials: Credentials | undefined;

  /** @param find called at the first command: at build time there may be no variables yet */
  constructor(find: () => Credentials) {
    this.#find = find;
  }

  eval(script: string, keys: string[], args: string[], signal?: AbortSignal): Promise<unknown> {
    return this.send(["EVAL", script, String(keys.length), ...keys, ...args], signal);
  }

  evalsha(sha1: string, keys: string[], args: string[], signal?: AbortSignal): Promise<unknown> {
    return this.send(["EVALSHA", sha1, String(keys.length), ...keys, ...args], signal);
  }

  /**
   * One command, whatever it is.
   *
   * @throws Error with the words of Redis, or of what came instead of an answer; DatabaseError when there
   *   was no connection to send it on
   */
  async send(command: readonly string[], signal: AbortSignal | undefined): Promise<unknown> {
    this.#credentials ??= this.#find();
    const { url, token } = this.#credentials;
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(command),
      ...uncached(),
      // Followed, it would be sent again, and perhaps as a GET.
      redirect: "manual",
      // Frees the connection.
      ...(signal && { signal }),
    }).catch((cause: unknown) => {
      throw notConnected(url, cause) ?? cause;
    });
    const answer = parse(await response.text());
    if (typeof answer.error === "string") throw new Error(without(token, answer.error));
    if (!response.ok || !("result" in answer)) {
      throw new Error(`HTTP ${response.status} without an answer of Redis`);
    }
    return answer.result;
  }
}

/** A proxy may quote what it refuses. Whole words only: a short token is a part of many. */
function without(token: string, words: string): string {
  const literally = token.replace(/\W/g, "\\$&");
  return words.replace(new RegExp(`(?<!\\w)${literally}(?!\\w)`, "g"), "…");
}

/**
 * What Node says when there was nobody to send to. (Other platforms do not tell that for certain: workerd
 * says the same of a lost connection, and Bun may have sent before on another one.)
 */
const NOT_CONNECTED = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN)$/;

function notConnected(url: string, thrown: unknown): DatabaseError | undefined {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (!NOT_CONNECTED.test(code)) return undefined;
  const message = `The database at ${new URL(url).host} could not be reached (${code})`;
  return new DatabaseError(message, { applied: "no", retriable: true, cause: thrown });
}

/** For Next, which caches what it fetches. Workers refuse the option, but for recent compatibility dates. */
function uncached(): RequestInit {
  return "cache" in Request.prototype ? { cache: "no-store" } : {};
}

/** `{ result }` or `{ error }`; empty for anything else, such as the page of a proxy. */
function parse(text: string): { readonly result?: unknown; readonly error?: unknown } {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === "object" && answer !== null ? answer : {};
  } catch {
    return {};
  }
}
