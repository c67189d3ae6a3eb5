import { expect, it } from "vitest";
import type { CreateOutcome, LockData, RenewRequest } from "../../src/index.ts";
import {
  MemoryDatabase,
  conformanceCases,
  type ConformanceBackend,
} from "../../src/testing/index.ts";

async function failures(backend: () => Promise<ConformanceBackend>): Promise<string[]> {
  const outcomes = await Promise.allSettled(conformanceCases(backend).map(({ run }) => run()));
  return conformanceCases(backend)
    .filter((_, at) => outcomes[at]?.status === "rejected")
    .map(({ name }) => name);
}

it("every case has a unique name, and every rule of the storage has cases", () => {
  const names = conformanceCases(async () => ({ database: new MemoryDatabase() })).map(
    ({ name }) => name,
  );
  expect(new Set(names).size).toBe(names.length);
  for (const rule of ["R1", "R2", "R3", "R4", "R5", "R6", "R7"]) {
    expect(names.filter((name) => name.startsWith(`${rule} `)).length, rule).toBeGreaterThan(3);
  }
});

it("a database that grants a held lock does not pass", async () => {
  class Generous extends MemoryDatabase {
    override async tryCreate(key: string, lockData: LockData, ms: number): Promise<CreateOutcome> {
      this.store.set(`lock:${key}`, JSON.stringify(lockData), ms);
      return { status: "SUCCESS", lockData };
    }
  }
  expect(await failures(async () => ({ database: new Generous() }))).toContain(
    "tryCreate of a held key shows the holder, and changes nothing",
  );
});

it("a database that renews whatever it finds does not pass", async () => {
  class Forgetful extends MemoryDatabase {
    override async renew(requests: readonly RenewRequest[]): Promise<"renewed"[]> {
      return requests.map(() => "renewed" as const);
    }
  }
  expect(await failures(async () => ({ database: new Forgetful() }))).toEqual(
    expect.arrayContaining([
      "takeover: the old owner's update is lost, and spares the new owner",
      "R2 the renewal of a lock that was never had is lost, and creates nothing",
    ]),
  );
});

it("a failed case reports what it expected, and what it got", async () => {
  class Mute extends MemoryDatabase {
    override async readLockData(): Promise<null> {
      return null;
    }
  }
  const [first] = conformanceCases(async () => ({ database: new Mute() }));
  await expect(first?.run()).rejects.toThrow(/^readLockData: expected \{.*\}, but got null$/);
});

it("a backend is closed after its case, whether passed, skipped or failed", async () => {
  let opened = 0;
  let closed = 0;
  const backend = async (): Promise<ConformanceBackend> => {
    opened += 1;
    return { database: new MemoryDatabase(), close: async () => void (closed += 1) };
  };
  const cases = conformanceCases(backend);
  const outcomes = await Promise.all(cases.map(({ run }) => run()));
  expect(outcomes).toContain("passed");
  expect(outcomes).toContainEqual({ skipped: expect.stringContaining("storage") });
  expect([opened, closed]).toEqual([cases.length, cases.length]);
});
