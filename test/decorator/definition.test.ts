import { describe, expect, it } from "vitest";
import { LockConfigurationError } from "../../src/index.ts";
import { WithLock } from "../../src/locked-by.ts";

describe("@WithLock checks its options when the class is defined", () => {
  it.each<[string, object]>([
    ["key", { key: "order:{id}" }],
    ["key", { key: undefined }],
    ["ttl", { key: "a", ttl: 99 }],
    ["ttl", { key: "a", ttl: "10s" }],
    ["waitTimeout", { key: "a", waitTimeout: -1 }],
    ["retry", { key: "a", retry: 3 }],
    ["retry.maxRetries", { key: "a", retry: { maxRetries: -1 } }],
    ["autoRenew", { key: "a", autoRenew: "yes" }],
    ["autoRenew.intervalFraction", { key: "a", autoRenew: { intervalFraction: 2 } }],
    ["onLockFailed", { key: "a", onLockFailed: "ignore" }],
    ["service", { key: "a", service: "locks" }],
  ])("and names %s: %j", (option, options) => {
    expect(() => Reflect.apply(WithLock, undefined, [options])).toThrow(
      expect.objectContaining({ code: "LOCK_CONFIGURATION", option }),
    );
  });

  it("and refuses what is not a method", () => {
    const decorate = WithLock({ key: "a" });
    for (const args of [
      [() => "a", { kind: "getter", name: "a" }],
      [undefined, { kind: "field", name: "a" }],
      [Map, { kind: "class", name: "Map" }],
      [{}, "a", { get: () => "a" }],
      [{}, "a", undefined],
    ]) {
      expect(() => Reflect.apply(decorate, undefined, args)).toThrow(LockConfigurationError);
    }
  });
});
