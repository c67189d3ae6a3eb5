import {
  createExecutionContext,
  createScheduledController,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, describe, expect, it, vi } from "vitest";
import { LockService } from "../../src/index.ts";
import { upstash } from "../../src/upstash/index.ts";
import example from "../../worker/index.ts";
import { call, command, json } from "./worker-under-test.ts";

const id = crypto.randomUUID();
const asAdmin = { headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` } };

afterAll(async () => {
  await command("DEL", `order:${id}`, `charges:${id}`, `stock:${id}`, `job:${id}`);
  await command("DEL", `transfers:${id}`, `webhooks:${id}`, `mails:${id}`);
  await command("DEL", `dead-mails:${id}-bad`, "reports:2031-05-17");
});

it("an order is charged once, whether it is paid several times concurrently or again later", async () => {
  const path = `/orders/${id}/pay`;
  const answers = await Promise.all(Array.from({ length: 5 }, () => call("POST", path)));
  const refused = answers.find(({ status }) => status === 409);
  expect(refused?.headers.get("content-type")).toBe("application/problem+json");
  expect(Number(refused?.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  const bodies = await Promise.all(answers.map(json));
  expect(bodies.filter(({ status }) => status === "paid")).toHaveLength(1);
  expect(await json(await call("POST", path))).toMatchObject({ status: "already paid", charge: 1 });
  expect(await command("GET", `charges:${id}`)).toBe("1");
});

it("concurrent updates of a guarded stock lose nothing", async () => {
  await call("PUT", `/stock/${id}`, { body: "10" });
  const takes = Array.from({ length: 10 }, () => call("POST", `/stock/${id}/take`));
  expect((await Promise.all(takes)).map(({ status }) => status)).toEqual(takes.map(() => 200));
  expect(await json(await call("GET", `/stock/${id}`))).toEqual({ left: 0 });
});

describe("a transfer", () => {
  const transfer = (key: string, body: object = { account: id }): Promise<Response> =>
    call("POST", "/transfers", {
      headers: { "idempotency-key": key },
      body: JSON.stringify(body),
    });

  it("is made once, however often it is sent with one Idempotency-Key", async () => {
    const first = await transfer(id);
    expect([first.status, first.headers.get("idempotent-replayed")]).toEqual([201, null]);
    expect(await json(first)).toEqual({ account: id, transfers: 1 });
    for (const again of [await transfer(id), await transfer(`"${id}"`)]) {
      expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([201, "true"]);
      expect(await json(again)).toEqual({ account: id, transfers: 1 });
    }
    expect(await command("GET", `transfers:${id}`)).toBe("1");
  });

  it("is refused with a key of another, or a malformed one", async () => {
    const answers = [await transfer(id, { account: `${id}-2` }), await transfer("two, keys")];
    expect(answers.map(({ status }) => status)).toEqual([422, 400]);
    for (const { headers } of answers) {
      expect(headers.get("content-type")).toBe("application/problem+json");
    }
    expect(await command("EXISTS", `transfers:${id}-2`)).toBe(0);
    expect(await command("GET", `transfers:${id}`)).toBe("1");
  });
});

it("a webhook is processed once, whether it is delivered concurrently or again later", async () => {
  const deliver = (): Promise<Response> =>
    call("POST", "/webhooks/payments", { body: JSON.stringify({ id }) });
  const answers = await Promise.all([deliver(), deliver()]);
  const outcomes = await Promise.all(answers.map(async (a) => [a.status, await json(a)]));
  const first = [200, { status: "ran", runs: 1 }];
  const duplicate = [200, { status: "remembered", runs: 1 }];
  expect(outcomes).toContainEqual(first);
  for (const outcome of outcomes) {
    expect([first, duplicate, [409, { status: "running" }]]).toContainEqual(outcome);
  }
  for (let again = 0; again < 3; again += 1) {
    const answer = await deliver();
    expect([answer.status, await json(answer)]).toEqual(duplicate);
  }
  expect(await command("GET", `webhooks:${id}`)).toBe("1");
});

it("a webhook that is being processed is to be delivered again", async () => {
  const service = new LockService({ database: upstash(env) });
  const event = crypto.randomUUID();
  const deliver = async (): Promise<unknown[]> => {
    const body = JSON.stringify({ id: event });
    const answer = await call("POST", "/webhooks/payments", { body });
    return [answer.status, await json(answer)];
  };
  await service.once(`webhook:${event}`, async () => {
    expect(await deliver()).toEqual([409, { status: "running" }]);
    return 1;
  });
  expect(await deliver()).toEqual([200, { status: "remembered", runs: 1 }]);
  expect(await command("EXISTS", `webhooks:${event}`)).toBe(0);
});

it("a mail is sent once, however often it is queued; one without an address ends as a dead letter", async () => {
  const queue = (...mails: object[]): Promise<Response> =>
    call("POST", "/mails", { body: JSON.stringify(mails) });
  const look = async (mail: string): Promise<unknown> => json(await call("GET", `/mails/${mail}`));
  const mail = { id, to: "ann@example.org" };
  const queued = await queue(mail, mail, { id: `${id}-bad`, to: "nobody" }, mail);
  expect([queued.status, await json(queued)]).toEqual([202, { queued: 4 }]);
  await vi.waitFor(async () => expect(await look(`${id}-bad`)).toEqual({ sent: 0, dead: 1 }), {
    timeout: 60_000,
    interval: 250,
  });
  expect(await look(id)).toEqual({ sent: 1, dead: 0 });
});

it("a night's report is written once, however often its cron trigger fires", async () => {
  const scheduledTime = Date.UTC(2031, 4, 17, 3);
  for (let delivery = 0; delivery < 2; delivery += 1) {
    const ctx = createExecutionContext();
    const controller = createScheduledController({ scheduledTime, cron: "0 3 * * *" });
    await example.scheduled(controller, env, ctx);
    await waitOnExecutionContext(ctx);
  }
  expect(await json(await call("GET", "/reports/2031-05-17"))).toEqual({ written: 1 });
  await command("DEL", "leasehold:done:cron:report:0 3 * * *:2031-05-17T03:00:00.000Z");
});

it("a job responds first, and continues under its lock until it is done", async () => {
  expect((await call("GET", `/jobs/${id}`)).status).toBe(404);
  expect((await call("POST", `/jobs/${id}`)).status).toBe(202);
  expect((await call("POST", `/jobs/${id}`)).status, "one is running").toBe(409);
  const job = await vi.waitFor(
    async () => {
      const body = await json(await call("GET", `/jobs/${id}`));
      expect(body["status"]).toBe("ended");
      return body;
    },
    { timeout: 60_000, interval: 250 },
  );
  expect(job["heldMs"]).toBeGreaterThan(3 * Number(job["ttlMs"]));
  expect(job["renewals"]).toBeGreaterThanOrEqual(3);
  await vi.waitFor(
    async () => expect(await command("EXISTS", `leasehold:lock:job:${id}`)).toBe(0),
    5_000,
  );
});

it.each<[string, string, string?]>([
  ["POST", "/jobs/%00"],
  ["POST", `/jobs/${"x".repeat(1_001)}`],
  ["GET", "/jobs/%00"],
  ["POST", "/orders/a%20b/pay"],
  ["POST", "/stock/%F0%9F%94%92/take"],
  ["GET", "/stock/%zz"],
  ["PUT", "/stock/x"],
  ["PUT", "/stock/x", "abc"],
  ["PUT", "/stock/x", "-1"],
  ["PUT", "/stock/x", "1e400"],
  ["POST", "/transfers"],
  ["POST", "/transfers", "null"],
  ["POST", "/transfers", '{"account":17}'],
  ["POST", "/webhooks/payments", '{"id":"a b"}'],
  ["POST", "/webhooks/payments", "{"],
  ["POST", "/mails", "{}"],
  ["POST", "/mails", "[null]"],
  ["POST", "/mails", '[{"id":"a b","to":"x"}]'],
  ["GET", "/locks/%00"],
  ["DELETE", `/locks/${"x".repeat(1_001)}`],
  ["DELETE", "/locks/%EF%BF%BD"],
])("what cannot be is a bad request, not a failure: %s %s %s", async (method, path, body) => {
  const answer = await call(method, path, { ...asAdmin, ...(body === undefined ? {} : { body }) });
  expect(answer.status).toBe(400);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(await json(answer)).toMatchObject({ title: "Bad Request", status: 400 });
});

describe("the administration", () => {
  const key = `order:${crypto.randomUUID()}`;

  it("shows and force-releases a lock with the right token", async () => {
    expect((await call("GET", `/locks/${key}`, asAdmin)).status, "free").toBe(404);
    const record = { ownerHash: `${key}@other/1.1.0`, processHash: "other/1.1", fence: 7 };
    await command("SET", `leasehold:lock:${key}`, JSON.stringify(record), "PX", 20_000);
    const seen = await json(await call("GET", `/locks/${key}`, asAdmin));
    expect(seen).toMatchObject({ held: true, holder: record.ownerHash, fence: 7 });
    expect(seen["remainingMs"]).toBeGreaterThan(1_000);
    const taken = await call("DELETE", `/locks/${key}`, asAdmin);
    expect([taken.status, await json(taken)]).toEqual([200, { released: true }]);
    expect(await command("EXISTS", `leasehold:lock:${key}`)).toBe(0);
    expect((await call("DELETE", `/locks/${key}`, asAdmin)).status).toBe(404);
  });

  it.each(["GET", "DELETE"])("refuses %s without the right token", async (method) => {
    expect((await call(method, `/locks/${key}`)).status).toBe(401);
    const headers = { authorization: `Bearer ${env.ADMIN_TOKEN}x` };
    expect((await call(method, `/locks/${key}`, { headers })).status).toBe(401);
  });

  it.each([undefined, ""])("refuses everybody when ADMIN_TOKEN is %j", async (ADMIN_TOKEN) => {
    const bindings = { ...env, ADMIN_TOKEN };
    const answers = ["Bearer undefined", "Bearer ", asAdmin.headers.authorization].map(
      async (authorization) => {
        const init = { headers: { authorization } };
        const request = new Request(`http://worker.test/locks/${key}`, init);
        return (await example.fetch(request, bindings)).status;
      },
    );
    for (const status of await Promise.all(answers)) expect([400, 401]).toContain(status);
  });
});
