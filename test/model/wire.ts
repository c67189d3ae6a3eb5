import { Chance } from "./chance.ts";
import type { Client } from "./client.ts";
import { Violation } from "./ledger.ts";
import type { Command } from "./evidence.ts";
import { isMessageFault, type FaultKind, type MessageFault, type Plan } from "./plan.ts";
import type { Wait } from "./network.ts";
import type { Send } from "./sends.ts";
import type { TrueTime } from "./true-time.ts";

/** What a wire needs from its world. */
export interface WireWorld {
  readonly plan: Plan;
  readonly time: TrueTime;
  readonly store: { isFull: boolean };
  /** Whether the store can be reached at all. */
  readonly isStoreUp: () => boolean;
  readonly hit: (kind: FaultKind) => void;
  readonly note: (text: () => string) => void;
  readonly sent: (client: Client, command: Command, wait: Wait) => Send;
  /** Applies a command, and checks it against the laws. Settles at the same simulated time. */
  readonly apply: <T>(client: Client, command: Command, apply: () => Promise<T>) => Promise<T>;
}

const UNKNOWN = [
  "fetch failed",
  "Network connection lost.",
  "Bad Gateway",
  "socket hang up",
] as const;
const REFUSALS = [
  "LOADING Redis is loading the dataset in memory",
  "READONLY You can't write against a read only replica.",
  "BUSY Redis is busy running a script.",
  "NOAUTH Authentication required.",
  "ERR max requests limit exceeded. Limit: 10000, Usage: 10000.",
] as const;

/** The network between one client and the store, with everything that can happen to a message. */
export class Wire {
  readonly #world: WireWorld;
  readonly #client: Client;
  readonly #counts = new Map<string, number>();
  readonly #faults: readonly MessageFault[];
  #sends = 0;
  #lastArrived = 0;
  /** Until then nothing gets through, or only requests. */
  cutUntil = -1;
  deafUntil = -1;

  constructor(world: WireWorld, client: Client) {
    this.#world = world;
    this.#client = client;
    this.#faults = world.plan.faults
      .filter(isMessageFault)
      .filter((fault) => fault.client === client.id);
  }

  readonly carry = <T>(command: Command, apply: () => Promise<T>, wait: Wait): Promise<T> => {
    const { plan, time, note } = this.#world;
    const { operation } = command;
    const nth = this.#counts.get(operation) ?? 0;
    this.#counts.set(operation, nth + 1);
    const number = (this.#sends += 1);
    const chance = new Chance(plan.seed, "message", this.#client.id, operation, nth);
    const faults = this.#faults.filter(
      (fault) => fault.operation === operation && fault.nth === nth,
    );
    const find = (kind: MessageFault["kind"]): MessageFault | undefined => {
      const fault = faults.find((one) => one.kind === kind);
      if (fault !== undefined && kind !== "reorder") this.#world.hit(kind);
      return fault;
    };
    const leg = (): number => 0.5 + chance.next() * plan.latencyMs;
    const send = this.#world.sent(this.#client, command, wait);
    note(
      () => `${this.#name(operation, nth)} is sent${faults.map(({ kind }) => ` (${kind})`).join()}`,
    );
    return new Promise<T>((resolve, reject) => {
      const fail = (text: string, isSilent: boolean, isRefusal = false): void => {
        if (isSilent) {
          send.inconclusive();
          return;
        }
        time.after(leg(), this.#client, () => {
          note(() => `${this.#name(operation, nth)} fails: ${text}`);
          if (isRefusal) send.refused();
          else send.inconclusive();
          reject(new Error(text));
        });
      };
      const answer = (
        settle: () => void,
        ms: number,
        outcome: unknown,
        appliedAt: number,
      ): void => {
        time.after(leg() + ms, this.#client, () => {
          if (this.deafUntil > time.now || this.cutUntil > time.now) {
            this.#world.hit(this.cutUntil > time.now ? "outage" : "repliesLost");
            send.inconclusive();
            if (chance.happens(0.5)) reject(new Error(chance.pick(UNKNOWN)));
            return;
          }
          note(() => `${this.#name(operation, nth)} is answered: ${show(outcome)}`);
          send.answered(outcome, appliedAt);
          settle();
        });
      };
      const arrive = (isAnswered: boolean): void => {
        if (this.cutUntil > time.now) {
          this.#world.hit("outage");
          if (isAnswered) fail(chance.pick(UNKNOWN), chance.happens(0.5));
          return;
        }
        if (!this.#world.isStoreUp()) {
          if (isAnswered) fail("fetch failed", chance.happens(0.3));
          return;
        }
        if (number < this.#lastArrived) this.#world.hit("reorder");
        this.#lastArrived = Math.max(this.#lastArrived, number);
        note(() => `${this.#name(operation, nth)} is applied`);
        const appliedAt = time.now;
        const lost = isAnswered ? find("loseReply") : undefined;
        const late = isAnswered ? (find("lateReply")?.ms ?? 0) : 0;
        const isForgotten = isAnswered && faults.some(({ kind }) => kind === "unremembered");
        void this.#apply(command, apply, isForgotten).then(
          (outcome) => {
            if (isForgotten && isHeld(outcome)) this.#world.hit("unremembered");
            if (!isAnswered) return;
            if (lost !== undefined) fail(chance.pick(UNKNOWN), lost.silent);
            else answer(() => resolve(outcome), late, outcome, appliedAt);
          },
          (error: unknown) => {
            if (!isAnswered || error instanceof Violation) return;
            answer(() => reject(asError(error)), late, error, appliedAt);
          },
        );
      };
      if (this.cutUntil > time.now) {
        this.#world.hit("outage");
        fail(chance.pick(UNKNOWN), chance.happens(0.5));
        return;
      }
      const lost = find("loseRequest");
      if (lost !== undefined) {
        fail(chance.pick(UNKNOWN), lost.silent);
        return;
      }
      if (find("refuse") !== undefined) {
        fail(chance.pick(REFUSALS), false, true);
        return;
      }
      const reordered = faults.find(({ kind }) => kind === "reorder")?.ms ?? 0;
      const firstLeg = leg() + reordered + (find("veryLate")?.ms ?? 0);
      const twin = find("duplicate");
      // Which of two copies is answered is random.
      const isFirst = twin === undefined || chance.happens(0.7);
      time.after(firstLeg, undefined, () => arrive(isFirst));
      if (twin !== undefined) time.after(firstLeg + twin.ms, undefined, () => arrive(!isFirst));
    });
  };

  /** For this one command the store may be full. */
  #apply<T>(command: Command, apply: () => Promise<T>, isFull: boolean): Promise<T> {
    const { store } = this.#world;
    const wasFull = store.isFull;
    store.isFull ||= isFull;
    const applied = this.#world.apply(this.#client, command, apply);
    store.isFull = wasFull;
    return applied;
  }

  #name(operation: string, nth: number): string {
    return `c${this.#client.id} ${operation}#${nth}`;
  }
}

function isHeld(outcome: unknown): boolean {
  return (
    typeof outcome === "object" &&
    outcome !== null &&
    "status" in outcome &&
    outcome.status === "held"
  );
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function show(outcome: unknown): string {
  if (outcome instanceof Error) return outcome.message;
  return JSON.stringify(outcome)?.slice(0, 160) ?? "";
}
