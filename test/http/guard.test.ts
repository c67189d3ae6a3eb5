import { describe, expect, it } from "vitest";
import { useRest } from "../support/rest.ts";
import { ADAPTERS } from "./adapters.ts";
import { describeGuard } from "./guard-suite.ts";
import { nodeClients } from "./node-client.ts";

describeGuard(nodeClients());

describe.each(ADAPTERS)('behind %s, release: "background"', (_, adapter) => {
  const { open } = useRest();

  it("answers while the release is still in flight, and waitUntil covers it", async () => {
    const rest = open();
    const { promise: letGo, resolve } = Promise.withResolvers<void>();
    rest.session.faults.add({ kind: "delay-request", match: "release", until: letGo });
    const send = adapter.guard(
      () => rest.locks(),
      { key: "k", release: "background" },
      () => new Response("done"),
    );
    const request = (): Request => new Request("http://shop.example/");
    expect(await (await send(request())).text()).toBe("done");
    expect(await rest.locks().isLocked("k")).toBe(true);
    expect((await send(request())).status).toBe(409);
    resolve();
    await Promise.all(rest.pledges);
    expect(await rest.locks().isLocked("k")).toBe(false);
  });
});
