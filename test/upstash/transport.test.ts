import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { freePort } from "../../dev/redis/probe.ts";
import type { RedisDatabaseOptions } from "../../src/index.ts";
import { upstash } from "../../src/upstash/index.ts";
import { eventually } from "../dev/eventually.ts";

const TOKEN = "the-token-of-the-service";
/** What an inspection of a free key is answered with. */
const FREE = JSON.stringify({ result: ["NO_KEY", "", 0, 0, ""] });

const UNKNOWN = { code: "LOCK_DATABASE", applied: "unknown", retriable: true };
const REFUSED = { code: "LOCK_DATABASE", applied: "no", retriable: false };

interface Received {
  readonly request: IncomingMessage;
  readonly body: string;
}

type Respond = (response: ServerResponse, received: Received) => void;

let server: Server | undefined;
let origin = "";
let respond: Respond = (response) => void response.end(FREE);
const received: Received[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const one = { request, body: Buffer.concat(chunks).toString() };
      received.push(one);
      respond(response, one);
    })();
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${port}`;
});

afterEach(() => {
  received.length = 0;
  respond = (response) => void response.end(FREE);
  vi.unstubAllGlobals();
});

afterAll(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

function database(options: RedisDatabaseOptions = {}, url = origin): ReturnType<typeof upstash> {
  return upstash({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: TOKEN }, options);
}

/** How an operation on a key that must not show in errors fails. */
async function failure(options: RedisDatabaseOptions = {}, url = origin): Promise<unknown> {
  const error: unknown = await database(options, url)
    .inspect("secret-key")
    .then(
      (value) => expect.fail(`resolved with ${inspect(value)}`),
      (thrown: unknown) => thrown,
    );
  // Everything a logger could print: message, stack, causes, hidden properties.
  const printed = inspect(error, { depth: 10, showHidden: true, maxStringLength: null });
  for (const secret of [TOKEN, "secret-key", "EVALSHA", "redis.call"]) {
    expect(printed).not.toContain(secret);
  }
  return error;
}

function answer(status: number, body: string, headers: Record<string, string> = {}): Respond {
  return (response) => void response.writeHead(status, headers).end(body);
}

const errorOf = (status: number, error: string): Respond =>
  answer(status, JSON.stringify({ error }));

describe("a command", () => {
  it("is sent once, by POST, with the token as the bearer's and the parts as JSON", async () => {
    expect(await database({ prefix: "p:" }).inspect("ключ")).toBeNull();
    expect(received).toHaveLength(1);
    const [{ request, body }] = received as [Received];
    expect(request).toMatchObject({
      method: "POST",
      url: "/",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    });
    const sha1: unknown = expect.stringMatching(/^[0-9a-f]{40}$/);
    expect(JSON.parse(body)).toEqual(["EVALSHA", sha1, "1", "p:lock:ключ"]);
  });

  it("is sent whole once more if Redis does not know its script, and never otherwise", async () => {
    respond = (response, { body }) => {
      if (body.startsWith('["EVALSHA"'))
        errorOf(400, "NOSCRIPT No matching script.")(response, received[0] as Received);
      else response.end(FREE);
    };
    expect(await database().inspect("a")).toBeNull();
    const sent = received.map(({ body }) => JSON.parse(body) as string[]);
    expect(sent.map(([name]) => name)).toEqual(["EVALSHA", "EVAL"]);
    expect(sent[1]?.[1]).toMatch(/^-- leasehold:inspect\n/);
    expect(sent[1]?.slice(2)).toEqual(sent[0]?.slice(2));
  });

  it.each(["/", "//", "/redis/", "/redis"])("goes to a URL that ends in %s", async (path) => {
    expect(await database({}, origin + path).inspect("a")).toBeNull();
    expect(received[0]?.request.url).toBe(path.replace(/\/+$/, "") || "/");
  });

  it("uses the fetch of the moment: one that is replaced later, as by a tracer or a test, is seen", async () => {
    const instance = database();
    await instance.inspect("a");
    const calls: unknown[] = [];
    vi.stubGlobal("fetch", async (url: unknown) => {
      calls.push(url);
      return new Response(FREE);
    });
    expect(await instance.inspect("a")).toBeNull();
    expect(calls).toEqual([origin]);
    expect(received).toHaveLength(1);
  });
});

it("R8 an answer that came in time counts, however late a busy process looks at it", async () => {
  const block = (): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  respond = (response) => void response.end(FREE, block);
  expect(await database({ requestTimeout: 100 }).inspect("a")).toBeNull();
});

describe("R9 a refusal in the words of Redis or Upstash is definite:", () => {
  it.each([
    [401, "Unauthorized"],
    [401, "WRONGPASS invalid or missing auth token"],
    [400, "NOPERM this user has no permissions to run the 'evalsha' command"],
    [400, "ERR max daily request limit exceeded. Limit: 500000, Usage: 500000"],
    [500, "OOM command not allowed when used memory > 'maxmemory'."],
  ])("%i %s", async (status, words) => {
    respond = errorOf(status, words);
    expect(await failure()).toMatchObject({ ...REFUSED, message: expect.stringContaining(words) });
    expect(received).toHaveLength(1);
  });

  it("503 LOADING, which may be tried again", async () => {
    respond = errorOf(503, "LOADING Redis is loading the dataset in memory");
    expect(await failure()).toMatchObject({ ...REFUSED, retriable: true });
  });
});

it("R9 a connection that is refused is definite, and no secret either", async () => {
  const port = await freePort();
  const refused = { ...REFUSED, retriable: true };
  expect(await failure({}, `http://127.0.0.1:${port}`)).toMatchObject(refused);
});

describe("R9 what is no answer of Redis is unknown, and sent once:", () => {
  const HTML = "<html><body>Bad Gateway secret-key</body></html>";
  const toFront = { location: "/elsewhere" };
  it.each<[string, Respond]>([
    ["an error in other words", errorOf(500, "ERR something else")],
    ["an error that is no text", answer(400, '{"error":{"code":1}}')],
    ["an HTML page with an error status", answer(502, HTML, { "content-type": "text/html" })],
    ["an HTML page with success", answer(200, HTML, { "content-type": "text/html" })],
    ["an empty body with an error status", answer(500, "")],
    ["an empty body with success", answer(200, "")],
    ["no content", answer(204, "")],
    ["JSON that is no answer", answer(200, "{}")],
    ["JSON that is no object", answer(200, "null")],
    ["a result with an error status", answer(500, FREE)],
    ["a null result", answer(200, '{"result":null}')],
    ["a body that ends too early", answer(200, FREE.slice(0, -4))],
    [
      "a body that is cut off",
      (response) => {
        response.writeHead(200, { "content-length": FREE.length });
        response.write(FREE.slice(0, 10), () => response.destroy());
      },
    ],
    ["a closed connection", (response) => void response.destroy()],
    ["a redirect to GET", answer(302, "", toFront)],
    ["a redirect of a POST", answer(307, "", toFront)],
    ["a permanent redirect", answer(308, "", toFront)],
  ])("%s", async (_, respondWith) => {
    respond = respondWith;
    expect(await failure()).toMatchObject(UNKNOWN);
    expect(received).toHaveLength(1);
  });

  it.each<[string, Respond]>([
    ["no response", () => {}],
    ["a response without an end", (response) => void response.writeHead(200).write('{"result":')],
  ])("%s within requestTimeout, which frees the connection", async (_, respondWith) => {
    respond = respondWith;
    expect(await failure({ requestTimeout: 100 })).toMatchObject(UNKNOWN);
    await eventually("it is freed", () => received[0]?.request.socket.destroyed === true);
  });
});

describe("no error reveals the token or a command", () => {
  it.each<[string, Respond]>([
    [
      "an unknown command with its arguments",
      (response, { body }) => {
        const [name, ...args] = JSON.parse(body) as string[];
        const quoted = args.map((arg) => `'${arg}'`).join(" ");
        const words = `ERR unknown command '${name?.toLowerCase()}', with args beginning with: ${quoted}`;
        errorOf(400, words)(response, received[0] as Received);
      },
    ],
    ["the token", errorOf(401, `Unauthorized: ${TOKEN}`)],
    ["the authorization", errorOf(500, `ERR no such user: Bearer ${TOKEN}`)],
  ])("even if the server quotes it: %s", async (_, respondWith) => {
    respond = respondWith;
    expect(await failure()).toMatchObject({ code: "LOCK_DATABASE" });
  });

  it.each([
    ["s", "WRONGPASS invalid or missing auth token", "WRONGPASS invalid or missing auth token"],
    ["s", "NOPERM user 's' is disabled", "NOPERM user '…' is disabled"],
    ["a.c$", "NOPERM abc$ sent Bearer=a.c$, a.c$", "NOPERM abc$ sent Bearer=…, …"],
  ])("and only the token is hidden: %s in %s", async (token, words, shown) => {
    respond = errorOf(401, words);
    const env = { UPSTASH_REDIS_REST_URL: origin, UPSTASH_REDIS_REST_TOKEN: token };
    const message = `Redis refused to inspect: ${shown}`;
    await expect(upstash(env).inspect("a")).rejects.toMatchObject({ ...REFUSED, message });
  });
});
