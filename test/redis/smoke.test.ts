import { expect, it } from "vitest";
import { useRest } from "../support/rest.ts";
const rest = useRest();
it("locks", async () => {
  const r = rest.open();
  expect(await r.locks().withLock("a", (lock) => lock.isHeld())).toBe(true);
  expect(r.session.counters.requests).toBe(3);
});
