import { setMaxListeners } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { RestCounters } from "./counters.ts";
import { RestFaults } from "./faults.ts";
import type { FaultSpec } from "./faults.ts";

/** One bearer token: its counters and its faults. Sessions on one front are isolated from each other. */
export class RestSession {
  readonly url: string;
  readonly token: string;
  readonly counters = new RestCounters();
  readonly faults = new RestFaults();
  /** Network latency of every request, half of it before and half after Redis. */
  latencyMs: number | (() => number) = 0;
  readonly #ended = new AbortController();
  readonly #inFlight = new Set<ServerResponse>();
  readonly #late = new Set<Promise<unknown>>();
  readonly #onClose: () => void;

  constructor(url: string, token: string, onClose: () => void) {
    this.url = url;
    this.token = token;
    this.#onClose = onClose;
    // One listener per waiting request: hundreds at once are not a leak.
    setMaxListeners(0, this.#ended.signal);
  }

  /** From now on the token is refused; its requests in flight are cut off and late commands are dropped. */
  close(): void {
    this.#onClose();
    this.#ended.abort();
    this.disconnect();
  }

  /** Drops every request and event stream in flight; their commands may still be applied. */
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

  /** Adds a response to those that disconnect() drops. */
  track(response: ServerResponse): void {
    this.#inFlight.add(response);
    response.once("close", () => this.#inFlight.delete(response));
  }

  /** Tracks work that outlasts its request; nobody is left to report its failure to. */
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
