import { expect, it } from "vitest";
import { call, command } from "./worker-under-test.ts";

/**
 * What came of a request; a failure with all that it says. The body is read in any case: until then
 * the request is not over.
 */
async function outcome(path: string): Promise<string> {
  const response = await call("POST", path);
  const body = await response.text();
  return `${response.status}${response.ok ? "" : ` ${body}`}`;
}

it.concurrent.each(["bound", "unbound"])(
  "a lock is renewed also when the request that came before it has ended (service %s)",
  async (how) => {
    const before = outcome(`/test/held/${crypto.randomUUID()}/${how}/3000/300`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const longer = outcome(`/test/held/${crypto.randomUUID()}/${how}/3000/4000`);
    expect([await before, await longer]).toEqual(["200", "200"]);
  },
);

it("200 requests at once share one configuration of an isolate: none fails, no update is lost", async () => {
  const keys = Array.from({ length: 8 }, () => crypto.randomUUID());
  const counting = Array.from({ length: 20 }, () => keys.map((key) => `/test/count/${key}`)).flat();
  // Each is held by itself, through a service bound to its request or not.
  const held = Array.from({ length: 20 }, () =>
    ["bound", "unbound"].map((how) => `/test/held/${crypto.randomUUID()}/${how}/20000/1000`),
  ).flat();
  const outcomes = await Promise.all([...counting, ...held].map(outcome));
  expect(outcomes).toHaveLength(200);
  expect(new Set(outcomes)).toEqual(new Set(["200"]));
  const counts = await Promise.all(keys.map((key) => command("GET", `counter:${key}`)));
  expect(counts).toEqual(keys.map(() => "20"));
});
