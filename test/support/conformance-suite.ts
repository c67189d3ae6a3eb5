import { describe, expect, it } from "vitest";
import { conformanceCases, type ConformanceBackend } from "../../src/testing/index.ts";

export interface ExpectedOfSuite {
  readonly backend: () => Promise<ConformanceBackend>;
  /** Only cases whose names match this. */
  readonly only?: RegExp;
  /** Reasons for which cases may be skipped; each must occur. */
  readonly lacks?: readonly string[];
}

/** The published suite as vitest tests; what the backend lacks shows as skipped. */
export function describeConformance(name: string, options: ExpectedOfSuite): void {
  const { backend, only = /^/, lacks = [] } = options;
  const reasons = new Set<string>();
  describe(name, () => {
    for (const { name: guarantee, run } of conformanceCases(backend)) {
      if (!only.test(guarantee)) continue;
      it(guarantee, async (context) => {
        const result = await run();
        if (result === "passed") return;
        reasons.add(result.skipped);
        context.skip(result.skipped);
      });
    }

    it("skips cases only for what it is known to lack", () => {
      const known = [...reasons].map(
        (reason) => lacks.find((lack) => reason.includes(lack)) ?? reason,
      );
      expect(known.toSorted()).toEqual([...lacks].toSorted());
    });
  });
}
