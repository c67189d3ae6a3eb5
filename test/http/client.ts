import type { CountersSnapshot } from "../../dev/rest/counters.ts";
import type { PlainFault } from "../../dev/rest/faults.ts";
import type { LockService, LockServiceOptions } from "../../src/index.ts";

/** One client of a REST front, in this process or in another: what the suites need in Node and in workerd. */
export interface HttpClient {
  /** Prefix of every key of this test. */
  readonly prefix: string;
  /** The promises that the services of `locks()` gave to `waitUntil`. */
  readonly pledges: readonly Promise<unknown>[];
  locks(options?: Partial<LockServiceOptions>): LockService;
  counters(): Promise<CountersSnapshot>;
  addFault(fault: PlainFault): Promise<void>;
  setLatency(ms: number): Promise<void>;
  /** Runs a command that bypasses counters and faults. */
  command(...command: (string | number)[]): Promise<unknown>;
}

export type OpenClient = () => Promise<HttpClient>;
