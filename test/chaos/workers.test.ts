import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { startRestFront, type RestFront } from "../../dev/rest/front.ts";
import type { RestSession } from "../../dev/rest/session.ts";
import { startWorker, type WorkerProcess } from "../../dev/worker/process.ts";
import { loadScripts } from "../support/scripts.ts";

const PROCESSES = 4;
const CALLS_OF_EACH = 25;
const CALLS = PROCESSES * CALLS_OF_EACH;

interface Outcome {
  readonly status: "ran" | "remembered" | "running";
  readonly result?: unknown;
}

describe(`O1 a job that ${CALLS} requests ask for at once, on ${PROCESSES} workerd processes,`, () => {
  let front: RestFront | undefined;
  let session: RestSession | undefined;
  const workers: WorkerProcess[] = [];
  let urls: readonly string[] = [];

  beforeAll(async () => {
    const redisUrl = inject("redisUrl");
    await loadScripts(redisUrl);
    front = await startRestFront({ redisUrl });
    session = front.openSession();
    const { url, token } = session;
    const secrets = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
    for (let started = 0; started < PROCESSES; started += 1) {
      workers.push(await startWorker({ main: "test/chaos/job-worker.ts", secrets }));
    }
    urls = await Promise.all(workers.map(({ ready }) => ready));
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await front?.stop();
  });
  beforeEach(() => session?.counters.reset());

  async function ask(url: string, key: string, ifRunning: string): Promise<Outcome> {
    const answer = await fetch(`${url}/${key}/${ifRunning}`, { method: "POST" });
    expect(answer.status).toBe(200);
    return (await answer.json()) as Outcome;
  }

  /** How many runs the processes have begun in all. */
  async function runs(): Promise<number> {
    const counts = urls.map(async (url) => (await fetch(`${url}/runs`)).json() as Promise<number>);
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  function askAll(key: string, ifRunning: string): Promise<readonly Outcome[]> {
    const calls = urls.flatMap((url) => Array.from({ length: CALLS_OF_EACH }, () => url));
    return Promise.all(calls.map((url) => ask(url, key, ifRunning)));
  }

  it("runs once, and costs one request for each duplicate", async () => {
    const before = await runs();
    const key = crypto.randomUUID();
    const outcomes = await askAll(key, "skip");
    expect(await runs()).toBe(before + 1);
    const [ran, ...others] = outcomes.filter(({ status }) => status === "ran");
    expect(others).toEqual([]);
    for (const { status, result } of outcomes) {
      if (status === "remembered") expect(result).toEqual(ran?.result);
    }
    expect(session?.counters.byScript).toEqual({ admit: CALLS, complete: 1 });
    expect(session?.counters.requests).toBe(CALLS + 1);
    const [url = ""] = urls;
    expect(await ask(url, key, "skip")).toMatchObject({
      status: "remembered",
      result: ran?.result,
    });
    expect(session?.counters.requests).toBe(CALLS + 2);
  });

  it("runs once, and gives all that join it the same result", async () => {
    const before = await runs();
    const outcomes = await askAll(crypto.randomUUID(), "join");
    expect(await runs()).toBe(before + 1);
    const [first] = outcomes;
    expect(first?.result).toEqual({ run: expect.any(String) });
    for (const { result } of outcomes) expect(result).toEqual(first?.result);
    expect(outcomes.filter(({ status }) => status === "ran")).toHaveLength(1);
    expect(outcomes.filter(({ status }) => status === "remembered")).toHaveLength(CALLS - 1);
    expect(session?.counters.byScript["complete"]).toBe(1);
  });
});
