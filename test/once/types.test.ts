import { expectTypeOf, it } from "vitest";
import {
  LockService,
  type OnceEachOutcome,
  type OnceOutcome,
  type Ran,
  type Recalled,
  type Running,
} from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";

interface Order {
  readonly id: string;
  readonly lines: readonly { readonly sku: string; readonly count?: number }[];
}
declare const order: Order;

const locks = new LockService({ database: new MemoryDatabase() });
const codec = {
  encode: (date: Date) => date.toISOString(),
  decode: (text: string) => new Date(text),
};

/** Compiled, not called. */
function calls() {
  return {
    skip: locks.once("a", () => order),
    join: locks.once("a", async () => order, { ifRunning: "join" }),
    thrown: locks.once("a", () => 1, { ifRunning: "throw", remember: 1 }),
    nothing: locks.once("a", async () => {}),
    date: locks.once("a", () => new Date(), { codec }),
    joinedDate: locks.once("a", () => new Date(), { codec, ifRunning: "join" }),
    // @ts-expect-error JSON makes a string of a Date
    noCodec: locks.once("a", () => new Date()),
    // @ts-expect-error JSON makes a string of a Date, inside an object as well
    noCodecInside: locks.once("a", () => ({ at: new Date() }), { ifRunning: "join" }),
    // @ts-expect-error there is no such choice
    wait: locks.once("a", () => 1, { ifRunning: "wait" }),
    each: locks.onceEach([order], { key: ({ id }) => id, work: ({ lines }) => lines.length }),
    eachDate: locks.onceEach([order], { key: ({ id }) => id, work: () => new Date(), codec }),
    // @ts-expect-error nobody joins in a batch
    eachJoin: locks.onceEach(["a"], { key: String, work: () => 1, ifRunning: "join" }),
    // @ts-expect-error nobody waits in a batch
    eachWait: locks.onceEach(["a"], { key: String, work: () => 1, waitTimeout: 1 }),
    recalled: locks.recall("a"),
    recalledDate: locks.recall("a", { codec }),
    recalledAs: locks.recall<Order>("a"),
    forgotten: locks.forget("a"),
    // @ts-expect-error JSON loses a Map
    eachNoCodec: locks.onceEach([order], { key: ({ id }) => id, work: () => new Map([[1, 2]]) }),
  };
}

it("a call's outcomes follow its options, and what is not JSON needs a codec", () => {
  type Calls = {
    [Name in keyof ReturnType<typeof calls>]: Awaited<ReturnType<typeof calls>[Name]>;
  };
  expectTypeOf<Calls["skip"]>().toEqualTypeOf<OnceOutcome<Order>>();
  expectTypeOf<Calls["join"]>().toEqualTypeOf<Ran<Order> | Recalled<Order>>();
  expectTypeOf<Calls["thrown"]>().toEqualTypeOf<Ran<number> | Recalled<number>>();
  expectTypeOf<Calls["nothing"]>().toEqualTypeOf<OnceOutcome<void>>();
  expectTypeOf<Calls["date"]>().toEqualTypeOf<OnceOutcome<Date>>();
  expectTypeOf<Calls["each"]>().toEqualTypeOf<readonly OnceEachOutcome<number>[]>();
  expectTypeOf<Calls["eachDate"]>().toEqualTypeOf<readonly OnceEachOutcome<Date>[]>();
  expectTypeOf<Calls["recalled"]>().toEqualTypeOf<Recalled<unknown> | null>();
  expectTypeOf<Calls["recalledDate"]>().toEqualTypeOf<Recalled<Date> | null>();
  expectTypeOf<Calls["recalledAs"]>().toEqualTypeOf<Recalled<Order> | null>();
  expectTypeOf<Calls["forgotten"]>().toEqualTypeOf<boolean>();
  expectTypeOf<Calls["joinedDate"]>().toEqualTypeOf<Ran<Date> | Recalled<Date>>();
});

it("a remembered outcome has a result only where it says so", () => {
  type Seen = Extract<OnceOutcome<number>, { status: "remembered"; hasResult: true }>;
  expectTypeOf<Seen["result"]>().toEqualTypeOf<number>();
  type Marker = Extract<OnceOutcome<number>, { hasResult: false }>;
  expectTypeOf<Marker["result"]>().toEqualTypeOf<undefined>();
});

it("the status of an outcome tells what else there is, and there is no other status", () => {
  type Of<Status> = Extract<OnceEachOutcome<number>, { readonly status: Status }>;
  expectTypeOf<OnceEachOutcome<number>["status"]>().toEqualTypeOf<
    "ran" | "remembered" | "running" | "failed"
  >();
  expectTypeOf<OnceOutcome<number>["status"]>().toEqualTypeOf<"ran" | "remembered" | "running">();
  expectTypeOf<Of<"ran">>().toEqualTypeOf<Ran<number>>();
  expectTypeOf<Of<"ran">["result"]>().toEqualTypeOf<number>();
  expectTypeOf<Of<"ran">["remembered"]>().toEqualTypeOf<"result" | "marker" | "no" | "unknown">();
  expectTypeOf<Of<"remembered">>().toEqualTypeOf<Recalled<number>>();
  expectTypeOf<Of<"remembered">["completedAt"]>().toEqualTypeOf<Date>();
  expectTypeOf<Of<"remembered">["result"]>().toEqualTypeOf<number | undefined>();
  expectTypeOf<Of<"running">>().toEqualTypeOf<Running>();
  expectTypeOf<Running["remainingMs"]>().toEqualTypeOf<number | null>();
  expectTypeOf<Of<"failed">["error"]>().toEqualTypeOf<unknown>();
});
