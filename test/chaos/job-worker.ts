/**
 * A Worker with one job a key: `POST /{key}/{ifRunning}` runs it once, `GET /runs` tells how many runs
 * this process has begun.
 */
import { LockService, systemRuntime, type RequestContext } from "../../src/index.ts";
import { upstash } from "../../src/upstash/index.ts";

interface Env {
  readonly UPSTASH_REDIS_REST_URL: string;
  readonly UPSTASH_REDIS_REST_TOKEN: string;
}

/** Long enough for others to arrive meanwhile. */
const WORK_MS = 500;
/** A machine that starts several of these processes is busy. */
const PATIENT = { requestTimeout: 20_000 };

let runs = 0;

async function work(): Promise<{ readonly run: string }> {
  runs += 1;
  await systemRuntime.sleep(WORK_MS);
  return { run: crypto.randomUUID() };
}

export default {
  async fetch(request: Request, env: Env, context: RequestContext): Promise<Response> {
    const [, key = "", ifRunning] = new URL(request.url).pathname.split("/");
    if (key === "runs") return Response.json(runs);
    const locks = new LockService({ database: upstash(env, PATIENT) }).forRequest(context);
    const outcome =
      ifRunning === "join"
        ? await locks.once(key, work, { ifRunning, waitTimeout: 25_000 })
        : await locks.once(key, work);
    return Response.json(outcome);
  },
};
