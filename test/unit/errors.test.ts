import path from "node:path";
import { expect, it } from "vitest";
import * as errors from "../../src/errors.ts";

// Another specifier loads another module, like a duplicate in node_modules.
const duplicate = path.join(import.meta.dirname, "../../src/errors.ts?duplicate");
const other = (await import(duplicate)) as typeof errors;

const samples = (from: typeof errors): readonly (readonly [errors.LockErrorCode, Error])[] => [
  ["LOCK_ACQUISITION", new from.LockAcquisitionError("held", "k", "held", { holder: "someone" })],
  ["LOCK_NOT_OWNED", new from.LockNotOwnedError("k", "token")],
  ["LOCK_EXTENSION", new from.LockExtensionError("k", "token", "no", undefined)],
  ["LOCK_RELEASE_UNKNOWN", new from.LockReleaseUnknownError("k", undefined)],
  ["LOCK_LOST", new from.LockLostError("k", "it expired")],
  ["LOCK_CONFIGURATION", new from.LockConfigurationError("ttl", "must be more")],
  ["LOCK_DATABASE", new from.DatabaseError("no", { applied: "unknown", retriable: true })],
];

it("recognizes an error of another copy of the package, where instanceof fails", () => {
  for (const [code, error] of samples(other)) {
    expect(error).not.toBeInstanceOf(errors.LockError);
    expect(errors.isLockError(error)).toBe(true);
    expect(errors.isLockError(error, code)).toBe(true);
  }
});

it("tells the kinds apart by their code", () => {
  for (const [code, error] of samples(errors)) {
    const codes = samples(errors).map(([each]) => each);
    expect(codes.filter((each) => errors.isLockError(error, each))).toEqual([code]);
    expect(error).toMatchObject({ code, name: expect.stringMatching(/Error$/) });
  }
});

it.each([[undefined], [null], ["LOCK_LOST"], [{ code: "LOCK_LOST" }], [new Error("LOCK_LOST")]])(
  "does not recognize %o as a lock error",
  (value) => {
    expect(errors.isLockError(value)).toBe(false);
    expect(errors.isLockError(value, "LOCK_LOST")).toBe(false);
  },
);

it("does not expose the holder of a refused lock to a logger", () => {
  const error = new errors.LockAcquisitionError("held", "k", "held", { holder: "someone" });
  expect(error.holder).toBe("someone");
  expect(JSON.stringify(error)).not.toContain("someone");
  expect(Object.keys(error)).not.toContain("holder");
});

it("classifies a DatabaseError of another copy of the package by its fields", () => {
  const refused = new other.DatabaseError("WRONGPASS", { applied: "no", retriable: false });
  expect(errors.classifyFailure(refused)).toMatchObject({ applied: "no", retriable: false });
});

it("classifies an unknown error as an unknown outcome", () => {
  expect(errors.classifyFailure(new TypeError("fetch failed"))).toEqual({
    applied: "unknown",
    retriable: true,
  });
});
