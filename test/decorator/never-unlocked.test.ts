import { describe, expect, it } from "vitest";
import { LockConfigurationError } from "../../src/index.ts";
import { WithLock } from "../../src/locked-by.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

describe("@WithLock never runs the method unlocked", () => {
  it.each<[string, unknown]>([
    ["no service", undefined],
    ["null", null],
    ["something else", { withLock: "soon" }],
    ["a promise of one", Promise.resolve({})],
  ])("with %s in place of the service", async (_, locks) => {
    let runs = 0;
    class Shop {
      readonly locks: unknown = locks;
      @WithLock({ key: "a" })
      async pay(): Promise<void> {
        runs += 1;
      }
    }
    const shop = new Shop();
    await expect(shop.pay()).rejects.toThrow(LockConfigurationError);
    await expect(shop.pay()).rejects.toMatchObject({ option: "service" });
    await expect(Reflect.apply(shop.pay.bind(undefined), null, [])).rejects.toThrow("this.locks");
    expect(runs).toBe(0);
  });

  it("when an argument that the key needs is missing, and sends nothing", async () => {
    const rest = rests.open();
    let runs = 0;
    class Shop {
      readonly locks = rest.locks();
      @WithLock({ key: "order:{0.id}" })
      async pay(_order: { id?: string }): Promise<void> {
        runs += 1;
      }
      @WithLock({ key: () => [] })
      async none(): Promise<void> {
        runs += 1;
      }
    }
    await expect(new Shop().pay({})).rejects.toThrow(/\{0\.id\} of "order:\{0\.id\}" is missing/);
    await expect(new Shop().none()).rejects.toThrow(LockConfigurationError);
    expect(runs).toBe(0);
    expect(rest.session.counters.requests).toBe(0);
  });

  it("when the key function throws", async () => {
    const rest = rests.open();
    let runs = 0;
    class Shop {
      readonly locks = rest.locks();
      @WithLock({
        key: () => {
          throw new RangeError("no key");
        },
        onLockFailed: "skip",
      })
      async pay(): Promise<undefined> {
        runs += 1;
      }
    }
    await expect(new Shop().pay()).rejects.toThrow(RangeError);
    expect(runs).toBe(0);
  });
});
