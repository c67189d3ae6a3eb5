import { expect, it } from "vitest";
import { occurrenceAt, periodAt } from "../../src/once/occurrence.ts";

const HOUR_MS = 3_600_000;

it("deliveries of one scheduled time are one occurrence", () => {
  const time = Date.UTC(2026, 10, 24, 12);
  expect(occurrenceAt(time)).toBe("2026-11-24T12:00:00.000Z");
  expect(occurrenceAt(time + 1)).not.toBe(occurrenceAt(time));
});

it("deliveries within one period of UTC are one occurrence, and those of the next are another", () => {
  const begin = Date.UTC(2026, 10, 24);
  const occurrences = [begin, begin + 1, begin + 24 * HOUR_MS - 1, begin + 24 * HOUR_MS].map(
    (time) => periodAt(time, 24 * HOUR_MS),
  );
  const [today, next] = ["2026-11-24T00:00:00.000Z", "2026-11-25T00:00:00.000Z"];
  expect(occurrences).toEqual([today, today, today, next]);
});
