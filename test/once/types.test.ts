import { expectTypeOf, it } from "vitest";
import { LockService, type OnceOutcome, type Ran, type Recalled } from "../../src/index.ts";
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
  expectTypeOf<Calls["joinedDate"]>().toEqualTypeOf<Ran<Date> | Recalled<Date>>();
});

it("a remembered outcome has a result only where it says so", () => {
  type Seen = Extract<OnceOutcome<number>, { status: "remembered"; hasResult: true }>;
  expectTypeOf<Seen["result"]>().toEqualTypeOf<number>();
  type Marker = Extract<OnceOutcome<number>, { hasResult: false }>;
  expectTypeOf<Marker["result"]>().toEqualTypeOf<undefined>();
});
