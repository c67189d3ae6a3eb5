import { setMaxListeners } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { RestCounters } from "./counters.ts";
import { RestFaults } from "./faults.ts";
import type { FaultSpec } from "./faults.ts";

/** One bearer token: what it sent, and what goes wrong for it. Sessions on one front do not see each other. */
export class RestSession {
  readonly url: string;
  readonly token: string;
  readonly counters = new RestCounters();
  readonly faults = new RestFaults();
  /** Time on the wire of every request, half of it before and half after Redis. */
  latencyMs: number | (() => number) = 0;
  readonly #ended = new AbortController();
  readonly #inFlight = new Set<ServerResponse>();
  readonly #late = new Set<Promise<unknown>>();
  readonly #onClose: () => void;

  constructor(url: string, token: string, onClose: () => void) {
    this.url = url;
    this.token = token;
    this.#onClose = onClose;
    // One listener a waiting request: hundreds at once are no leak.
    setMaxListeners(0, this.#ended.signal);
  }

  /** The token is refused from now on, its requests in flight are cut and late commands are dropped. */
  close(): void {
    this.#onClose();
    this.#ended.abort();
    this.disconnect();
  }

  /** Cuts every request and event stream in flight; what they asked of Redis may still be applied. */
  disconnect(): void {
    for (const response of this.#inFlight) {
      response.destroy();
    }
  }

  /** Resolves when every late command (`hold-late`, a delayed `duplicate`) has been applied or dropped. */
  async settled(): Promise<void> {
    while (this.#late.size > 0) {
      // oxlint-disable-next-line no-await-in-loop
      await Promise.all(this.#late);
    }
  }

  /** Half of one request's latency. */
  halfLatency(): number {
    return (typeof this.latencyMs === "number" ? this.latencyMs : this.latencyMs()) / 2;
  }

  /** Counts a response among those that disconnect() cuts. */
  track(response: ServerResponse): void {
    this.#inFlight.add(response);
    response.once("close", () => this.#inFlight.delete(response));
  }

  /** Keeps work that goes on after its request was answered; nobody is left to be told of its failure. */
  later(work: Promise<unknown>): void {
    const kept: Promise<unknown> = work
      .catch(() => undefined)
      .finally(() => this.#late.delete(kept));
    this.#late.add(kept);
  }

  /** Rejects when the session ends first. */
  async wait({ ms = 0, until }: Pick<FaultSpec, "ms" | "until">): Promise<void> {
    const { signal } = this.#ended;
    signal.throwIfAborted();
    if (until !== undefined) {
      await unlessAborted(until, signal);
    } else if (ms > 0) {
      await sleep(ms, undefined, { signal });
    }
    signal.throwIfAborted();
  }
}

function unlessAborted(until: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const wake = (): void => resolve(undefined);
    signal.addEventListener("abort", wake, { once: true });
    const cleanUp = (): void => signal.removeEventListener("abort", wake);
    until.finally(cleanUp).then(resolve, reject);
  });
}
