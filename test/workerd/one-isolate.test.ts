import { expect, it } from "vitest";
import { call, command } from "./worker-under-test.ts";

/**
 * The status of a request; of a failure also the body. The body is read in any case: until then the
 * request is not over.
 */
async function outcome(path: string): Promise<string> {
  const response = await call("POST", path);
  const body = await response.text();
  return `${response.status}${response.ok ? "" : ` ${body}`}`;
}

it.concurrent.each(["bound", "unbound"])(
  "a lock is still renewed when an earlier request has ended (service %s)",
  async (how) => {
    const before = outcome(`/test/held/${crypto.randomUUID()}/${how}/3000/300`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const longer = outcome(`/test/held/${crypto.randomUUID()}/${how}/3000/4000`);
    expect([await before, await longer]).toEqual(["200", "200"]);
  },
);

it("200 concurrent requests share one isolate's service: none fails, no update is lost", async () => {
  const keys = Array.from({ length: 8 }, () => crypto.randomUUID());
  const counting = Array.from({ length: 20 }, () => keys.map((key) => `/test/count/${key}`)).flat();
  // Each has its own key, through a service that is bound to its request or not.
  const held = Array.from({ length: 20 }, () =>
    ["bound", "unbound"].map((how) => `/test/held/${crypto.randomUUID()}/${how}/20000/1000`),
  ).flat();
  const outcomes = await Promise.all([...counting, ...held].map(outcome));
  expect(outcomes).toHaveLength(200);
  expect(new Set(outcomes)).toEqual(new Set(["200"]));
  const counts = await Promise.all(keys.map((key) => command("GET", `counter:${key}`)));
  expect(counts).toEqual(keys.map(() => "20"));
});
