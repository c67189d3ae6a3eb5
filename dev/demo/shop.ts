import { setTimeout as sleep } from "node:timers/promises";
import type { Finding } from "./table.ts";
import type { RestCounters } from "../rest/counters.ts";

/** What the demo's experiments run against. */
export interface DemoShop {
  readonly url: string;
  readonly adminToken: string;
  /** What the Worker has sent to Redis. */
  readonly counters: RestCounters;
}

const BUYERS = 50;
const TIMEOUT_MS = 60_000;

/** Fifty buyers at once, each one read and one write. */
export async function buyAtOnce(
  shop: DemoShop,
  route: "take" | "take-unguarded",
): Promise<Finding> {
  const sku = `demo-${route}`;
  await call(shop, "PUT", `/stock/${sku}`, String(BUYERS));
  const started = Date.now();
  await Promise.all(
    Array.from({ length: BUYERS }, () => callUntilServed(shop, `/stock/${sku}/${route}`)),
  );
  const seconds = ((Date.now() - started) / 1_000).toFixed(1);
  const { body } = await call(shop, "GET", `/stock/${sku}`);
  const lost = numberOf(body, "left");
  const isGuarded = route === "take";
  return {
    what: `${BUYERS} updates at once, ${isGuarded ? "guarded" : "unguarded"}`,
    result: `${lost} of ${BUYERS} updates lost (${seconds} s)`,
    ok: isGuarded ? lost === 0 : lost > 0,
  };
}

/** What a guard costs without contention. */
export async function countRequests(shop: DemoShop): Promise<Finding> {
  await call(shop, "PUT", "/stock/demo-cost", String(BUYERS));
  shop.counters.reset();
  await call(shop, "POST", "/stock/demo-cost/take");
  const { requests, byScript } = shop.counters.snapshot();
  const forLock = Object.values(byScript).reduce((sum, count) => sum + count, 0);
  return {
    what: "REST requests of one guarded call",
    result: `${requests}: ${forLock} for the lock, ${requests - forLock} for the work`,
    ok: forLock === 2 && requests === 4,
  };
}

/** An impatient customer clicks five times. */
export async function payTwice(shop: DemoShop): Promise<Finding[]> {
  const path = "/orders/demo/pay";
  const clicks = await Promise.all(Array.from({ length: 5 }, () => call(shop, "POST", path)));
  const again = await call(shop, "POST", path);
  const paid = clicks.filter(({ body }) => body["status"] === "paid").length;
  const refused = clicks.filter(({ status }) => status === 409);
  const retryAfter = refused[0]?.headers.get("retry-after");
  const type = refused[0]?.headers.get("content-type");
  const isProblem = retryAfter != null && type === "application/problem+json";
  return [
    {
      what: "5 payments of one order at once",
      result: `${paid} paid; ${refused.length} answered 409, Retry-After: ${retryAfter ?? "missing"}`,
      ok: paid === 1 && isProblem,
    },
    {
      what: "the same payment later",
      result: `${String(again.body["status"])}; ${numberOf(again.body, "charge")} charge in all`,
      ok: again.body["status"] === "already paid" && again.body["charge"] === 1,
    },
  ];
}

/** Two deliveries of one event at once, then three more. */
export async function deliverWebhook(shop: DemoShop): Promise<Finding> {
  const deliver = (): Promise<Answer> =>
    call(shop, "POST", "/webhooks/payments", JSON.stringify({ id: "demo" }));
  const answers = await Promise.all([deliver(), deliver()]);
  for (let again = 0; again < 3; again += 1) answers.push(await deliver());
  const having = (status: string): Answer[] =>
    answers.filter(({ body }) => body["status"] === status);
  const [ran, remembered, running] = [having("ran"), having("remembered"), having("running")];
  const duplicates = remembered.length + running.length;
  const areRight =
    [...ran, ...remembered].every(({ status, body }) => status === 200 && body["runs"] === 1) &&
    running.every(({ status }) => status === 409);
  return {
    what: `a webhook delivered ${answers.length} times`,
    result: `${ran.length} run, ${duplicates} duplicates`,
    ok: ran.length === 1 && duplicates === 4 && remembered.length >= 3 && areRight,
  };
}

/** A client that got no answer, and sends its request again. */
export async function sendTransfer(shop: DemoShop): Promise<Finding> {
  const headers = { "idempotency-key": '"demo"' };
  const body = JSON.stringify({ account: "demo" });
  const answers: Answer[] = [];
  for (let attempt = 0; attempt < 3; attempt += 1) {
    answers.push(await call(shop, "POST", "/transfers", body, headers));
  }
  const replays = answers.filter(({ headers: sent }) => sent.get("idempotent-replayed") === "true");
  const isOne = answers.every(
    ({ status, body: sent }) => status === 201 && sent["transfers"] === 1,
  );
  const isFirst = answers[0] !== undefined && !replays.includes(answers[0]);
  return {
    what: `a POST sent ${answers.length} times with one Idempotency-Key`,
    result: `${answers.length - replays.length} run, ${replays.length} replays, Idempotent-Replayed: true`,
    ok: isOne && isFirst && replays.length === 2,
  };
}

/** Forty messages for twenty mails, twice; and one mail that cannot be sent. */
export async function sendMails(shop: DemoShop): Promise<Finding[]> {
  const mails = Array.from({ length: 20 }, (_, at) => ({
    id: `demo-${at}`,
    to: "ann@example.org",
  }));
  const bad = { id: "demo-bad", to: "nobody" };
  shop.counters.reset();
  await call(shop, "POST", "/mails", JSON.stringify([...mails, ...mails]));
  const first = await mailsBecome(shop, mails, { sent: 1, dead: 0 });
  const { admit } = shop.counters.byScript;
  await call(shop, "POST", "/mails", JSON.stringify([...mails, bad, ...mails]));
  const [dead] = await mailsBecome(shop, [bad], { sent: 0, dead: 1 });
  const again = await mailsBecome(shop, mails, { sent: 1, dead: 0 });
  const sent = [...first, ...again].filter((mail) => mail["sent"] === 1).length;
  return [
    {
      what: "20 mails, each queued 4 times",
      result: `${sent / 2} sent once; ${admit} request acquired the locks of 40 messages`,
      ok: sent === 40 && admit === 1,
    },
    {
      what: "a mail without an address among them",
      result: `sent ${String(dead?.["sent"])} times, ${String(dead?.["dead"])} dead letter`,
      ok: dead?.["sent"] === 0 && dead["dead"] === 1,
    },
  ];
}

/** What has become of each mail, when it is as expected or time is up. */
async function mailsBecome(
  shop: DemoShop,
  mails: readonly { readonly id: string }[],
  expected: { readonly sent: number; readonly dead: number },
): Promise<Answer["body"][]> {
  const look = (): Promise<Answer["body"][]> =>
    Promise.all(mails.map(async ({ id }) => (await call(shop, "GET", `/mails/${id}`)).body));
  let seen: Answer["body"][] = [];
  await until(async () => {
    seen = await look();
    return seen.every(({ sent, dead }) => sent === expected.sent && dead === expected.dead);
  });
  return seen;
}

/** A cron trigger fires twice for one night, and once for the next. */
export async function writeReports(shop: DemoShop): Promise<Finding> {
  const nights = ["2031-05-17", "2031-05-17", "2031-05-18"];
  for (const night of nights) {
    const time = String(Date.parse(`${night}T03:00:00Z`));
    // How wrangler has a cron trigger fire.
    const query = new URLSearchParams({ cron: "0 3 * * *", time });
    await call(shop, "GET", `/cdn-cgi/local/scheduled?${query}`);
  }
  const written = [];
  for (const night of new Set(nights)) {
    written.push(numberOf((await call(shop, "GET", `/reports/${night}`)).body, "written"));
  }
  return {
    what: "a cron trigger that fires twice for one night, once for the next",
    result: `${written.join(" and ")} report written`,
    ok: written.every((count) => count === 1),
  };
}

/** Work that continues after the response, for several TTLs. */
export async function runJob(shop: DemoShop): Promise<Finding[]> {
  const sent = Date.now();
  const { status } = await call(shop, "POST", "/jobs/demo");
  const answeredMs = Date.now() - sent;
  const second = await call(shop, "POST", "/jobs/demo");
  const job = await jobEnd(shop);
  const lock = await call(shop, "GET", "/locks/job:demo");
  const [held, ttl] = [numberOf(job, "heldMs"), numberOf(job, "ttlMs")];
  const renewals = numberOf(job, "renewals");
  return [
    {
      what: "a job that continues after the response",
      result: `answered ${status} after ${answeredMs} ms; a second one ${second.status}`,
      ok: status === 202 && answeredMs < held && second.status === 409,
    },
    {
      what: "its lock",
      result: `held for ${held} ms on a TTL of ${ttl} ms, renewed ${renewals} times`,
      ok: held > 2 * ttl && renewals >= 3,
    },
    {
      what: "after the job",
      result: `the lock is ${lock.status === 404 ? "free" : "still held"}`,
      ok: job["status"] === "ended" && lock.status === 404,
    },
  ];
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const started = Date.now();
  while (!(await isSo()) && Date.now() - started < TIMEOUT_MS) await sleep(250);
}

async function jobEnd(shop: DemoShop): Promise<Answer["body"]> {
  const started = Date.now();
  for (;;) {
    const { body } = await call(shop, "GET", "/jobs/demo");
    const isOver = body["status"] === "ended" || Date.now() - started > TIMEOUT_MS;
    // The lock is released in the request after the one that reports "ended".
    await sleep(isOver ? 500 : 250);
    if (isOver) return body;
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

async function call(
  { url, adminToken }: DemoShop,
  method: string,
  path: string,
  body: string | null = null,
  headersToSend: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, ...headersToSend },
    body,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const { status, headers } = response;
  const text = await response.text();
  if (status >= 500) throw new Error(`${method} ${path} answered ${status}: ${text.slice(0, 500)}`);
  const isJson = headers.get("content-type")?.includes("json") === true;
  return { status, headers, body: isJson ? (JSON.parse(text) as Answer["body"]) : {} };
}

/** Like a well-behaved client: a 409 says when to retry. */
async function callUntilServed(shop: DemoShop, path: string): Promise<void> {
  const started = Date.now();
  for (;;) {
    const { status, headers } = await call(shop, "POST", path);
    if (status === 200) return;
    if (Date.now() - started > TIMEOUT_MS) throw new Error(`POST ${path} was never served`);
    await sleep(Number(headers.get("retry-after") ?? 1) * 1_000);
  }
}

function numberOf(body: Answer["body"], name: string): number {
  return Number(body[name] ?? Number.NaN);
}
