import { afterEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import type { Lock } from "../../src/index.ts";
import { scheduledOnce, type CronRouteOptions } from "../../src/vercel/index.ts";
import { useRest, type Rest } from "../support/rest.ts";
import { useVercel } from "./vercel.ts";

const rests = useRest();
const vercel = useVercel();
const HOUR = 3_600_000;
const noon = Date.UTC(2026, 10, 24, 12);

afterEach(() => {
  vi.useRealTimers();
});

/** What Vercel sends; an instance's own clock says `time`. */
function deliverAt(time: number): Request {
  vi.useFakeTimers({ toFake: ["Date"], now: time });
  return new Request("https://shop.example/api/report", {
    headers: { "user-agent": "vercel-cron/1.0", "x-vercel-cron-schedule": "0 * * * *" },
  });
}

interface Route {
  readonly runs: string[];
  /** The answer to a delivery. */
  readonly at: (time: number) => Promise<unknown>;
}

function route(
  rest: Rest,
  options: Partial<CronRouteOptions> = {},
  respond: (run: number, lock: Lock) => Response | Promise<Response> = () => new Response("done"),
): Route {
  const runs: string[] = [];
  const GET = scheduledOnce(
    () => rest.locks(),
    { name: "report", period: HOUR, ...options },
    async (request, lock) => {
      runs.push(request.url);
      return respond(runs.length, lock);
    },
  );
  return {
    runs,
    at: async (time) => {
      const response = await GET(deliverAt(time));
      return `${response.status} ${await response.text()}`;
    },
  };
}

describe("a run of Vercel Schedules", () => {
  const run = (executionId: string): { executionId: string; name: string } => ({
    executionId,
    name: "cleanup",
  });

  it("delivered twice by its execution id runs once", async () => {
    const rest = rests.open();
    const runs: string[] = [];
    const cleanup = scheduledOnce(
      () => rest.locks(),
      { name: "cleanup" },
      async ({ executionId, name }: ReturnType<typeof run>) => {
        runs.push(`${name} ${executionId}`);
        await cleanup(run(executionId));
      },
    );
    await cleanup(run("e1"));
    await cleanup(run("e1"));
    await cleanup(run("e2"));
    expect(runs).toEqual(["cleanup e1", "cleanup e2"]);
  });

  it("that failed fails its delivery, and runs with the next one", async () => {
    const rest = rests.open();
    let runs = 0;
    const cleanup = scheduledOnce(
      () => rest.locks(),
      { name: "cleanup" },
      () => {
        runs += 1;
        if (runs === 1) throw new Error("at first");
      },
    );
    await expect(cleanup(run("e1"))).rejects.toThrow("at first");
    await cleanup(run("e1"));
    await cleanup(run("e1"));
    expect(runs).toBe(2);
  });

  it("goes into handleSchedule, which tells its handler the type of the run", () => {
    const handleSchedule = (
      handler: (run: { executionId: string; scheduledAt: string }) => void | Promise<void>,
    ): typeof handler => handler;
    handleSchedule(
      scheduledOnce({ database: rests.open().database() }, { name: "a" }, (given, lock) => {
        expectTypeOf(given.scheduledAt).toEqualTypeOf<string>();
        expectTypeOf(lock).toEqualTypeOf<Lock>();
      }),
    );
  });

  it("without its execution id is refused, and nothing is sent", async () => {
    const rest = rests.open();
    const cleanup = scheduledOnce(
      () => rest.locks(),
      { name: "cleanup" },
      () => undefined,
    );
    for (const delivery of [new Request("https://shop.example"), run(""), undefined]) {
      await expect(cleanup(delivery as never)).rejects.toMatchObject({ option: "period" });
    }
    expect(rest.session.counters.requests).toBe(0);
  });
});

describe("the route of a cron job", () => {
  it("runs once for each period: late, again, or where a clock is seconds behind", async () => {
    const rest = rests.open();
    const { runs, at } = route(rest);
    expect(await at(noon - 3_000)).toBe("200 done");
    expect(await at(noon)).toBe('200 {"status":"remembered"}');
    expect(await at(noon + 3_000)).toBe('200 {"status":"remembered"}');
    expect(await at(noon + HOUR - 30_001)).toBe('200 {"status":"remembered"}');
    expect(await at(noon + HOUR - 30_000)).toBe("200 done");
    expect(runs).toHaveLength(2);
  });

  it("`offset` says when in its period it is due", async () => {
    const rest = rests.open();
    const { at } = route(rest, { offset: HOUR / 2 });
    expect(await at(noon + HOUR / 2 - 3_000)).toBe("200 done");
    expect(await at(noon + HOUR)).toBe('200 {"status":"remembered"}');
    expect(await at(noon + 1.5 * HOUR - 3_000)).toBe("200 done");
    const key = `${rest.prefix}done:cron:report:2026-11-24T12:30:00.000Z`;
    expect(await rest.command("EXISTS", key)).toBe(1);
  });

  it("answers a delivery while it runs, and does not run it", async () => {
    const rest = rests.open();
    const { runs, at } = route(rest, {}, async () => new Response(String(await at(noon + 1_000))));
    expect(await at(noon)).toBe('200 200 {"status":"running"}');
    expect(runs).toHaveLength(1);
  });

  it("that throws, or answers with a status from 500, runs with the next delivery", async () => {
    const rest = rests.open();
    const { runs, at } = route(rest, {}, (run) => {
      if (run === 1) throw new Error("at first");
      return new Response("no", { status: run === 2 ? 503 : 404 });
    });
    await expect(at(noon)).rejects.toThrow("at first");
    expect(await at(noon)).toBe("503 no");
    expect(await at(noon)).toBe("404 no");
    expect(await at(noon)).toBe('200 {"status":"remembered"}');
    expect(runs).toHaveLength(3);
  });

  it("gives its lock to the request: the function lives until it is released", async () => {
    const rest = rests.open();
    const invocation = vercel.open({ deadline: new Date(noon + 10_000).toISOString() });
    let ttl: number | undefined;
    const { at } = route(rest, { ttl: 30_000 }, (_, lock) => {
      ttl = lock.ttl;
      return new Response("done");
    });
    expect(await invocation.run(() => at(noon))).toBe("200 done");
    expect(ttl).toBe(10_000);
    expect(invocation.pledges).toHaveLength(1);
    await Promise.all(invocation.pledges);
  });

  it("never overlaps, and runs again, in that mode", async () => {
    const rest = rests.open();
    const { runs, at } = route(rest, { mode: "no-overlap" }, async (run) =>
      run === 1 ? new Response(String(await at(noon))) : new Response("done"),
    );
    expect(await at(noon)).toBe('200 200 {"status":"running"}');
    expect(await at(noon)).toBe("200 done");
    expect(runs).toHaveLength(2);
  });
});

it.each([
  [{ name: "" }, "name"],
  [{ name: "a", period: 999 }, "period"],
  [{ name: "a", period: 1.5e3 + 0.5 }, "period"],
  [{ name: "a", period: "1h" }, "period"],
  [{ name: "a", period: HOUR, offset: HOUR }, "offset"],
  [{ name: "a", period: HOUR, offset: -1 }, "offset"],
  [{ name: "a", period: HOUR, every: 1 }, "every"],
  [{ name: "a", remember: 0 }, "remember"],
  [{ name: "a", mode: "never" }, "mode"],
])("%j is refused where it is declared", (options, option) => {
  const declare = (): unknown =>
    scheduledOnce({} as never, options as never, () => undefined as never);
  expect(declare).toThrow(expect.objectContaining({ option }));
});

it("the locks and the handler are checked where they are declared", () => {
  const options = { name: "a", period: HOUR };
  expect(() => scheduledOnce(1 as never, options, () => new Response())).toThrow(/locks/);
  expect(() => scheduledOnce({} as never, options, 1 as never)).toThrow(/handler/);
});
