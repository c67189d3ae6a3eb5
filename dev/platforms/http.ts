import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { RestSession } from "../rest/session.ts";

/** Round trip to Redis while two requests compete: long enough for the second to find the lock held. */
const LATENCY_MS = 400;
/** A first request compiles, connects and loads scripts: on a busy machine that may take a while. */
const REQUEST_LIMIT_MS = 60_000;

export function post(url: string): Promise<Response> {
  return fetch(url, { method: "POST", signal: AbortSignal.timeout(REQUEST_LIMIT_MS) });
}

/** One of two concurrent requests is refused, and told when to come back; afterwards the lock is free. */
export async function expectGuard(url: string, session: RestSession): Promise<void> {
  await expectStatus(await post(url), 200);
  session.latencyMs = LATENCY_MS;
  const answers = await Promise.all([post(url), post(url)]);
  session.latencyMs = 0;
  const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
  assert.deepEqual(statuses, [200, 409], "two concurrent requests");
  expectRetryAfter(answers.find(({ status }) => status === 409));
  await expectStatus(await post(url), 200);
  await expectReleased(session);
}

/** Two concurrent requests that wait for each other are both served. */
export async function expectWaiting(url: string, session: RestSession): Promise<void> {
  session.latencyMs = LATENCY_MS;
  const answers = await Promise.all([post(url), post(url)]);
  session.latencyMs = 0;
  for (const answer of answers) await expectStatus(answer, 200);
  await expectReleased(session);
}

export async function expectStatus(response: Response, status: number): Promise<void> {
  const text = await response.text();
  assert.equal(response.status, status, `${response.url}: ${text.slice(0, 1_000)}`);
}

export function expectRetryAfter(response: Response | undefined): void {
  const seconds = Number(response?.headers.get("retry-after"));
  assert.ok(seconds >= 1 && seconds <= 300, `Retry-After: ${seconds}`);
}

/** No lock is left in Redis; a release in the background may take a moment. */
export async function expectReleased(session: RestSession): Promise<void> {
  let left = await locksLeft(session);
  for (let attempt = 0; left.length > 0 && attempt < 50; attempt += 1) {
    await sleep(100);
    left = await locksLeft(session);
  }
  assert.deepEqual(left, [], "locks that are still held");
}

/** What is stored beside locks is the counter of fences and, for a while, what became of old ones and of jobs. */
async function locksLeft({ url, token }: RestSession): Promise<string[]> {
  const headers = { authorization: `Bearer ${token}` };
  const body = JSON.stringify(["KEYS", "*"]);
  const response = await fetch(url, { method: "POST", headers, body });
  const { result } = (await response.json()) as { readonly result: readonly string[] };
  return result.filter((key) => !/^leasehold:(?:fence$|gone:|done:)/.test(key));
}
