import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { applyCommands } from "./apply.ts";
import { BadCommand } from "./command.ts";
import { handleControl } from "./control.ts";
import { exchange, respond } from "./exchange.ts";
import { errorBody } from "./reply.ts";
import { parseRequest, readBody, requestToken } from "./request.ts";
import { RestSession } from "./session.ts";
import type { FrontState } from "./state.ts";
import { streamSubscription } from "./subscribe.ts";
import { RestUpstream, UpstreamLost } from "./upstream.ts";

export interface RestFrontOptions {
  readonly redisUrl: string;
  /** @default a free port */
  readonly port?: number;
}

/** An Upstash-compatible REST endpoint on loopback in front of a real Redis. */
export interface RestFront {
  readonly url: string;
  /** Opens the control plane, `POST /_control`; see control-client.ts. */
  readonly controlToken: string;
  /** A bearer token with its own counters and faults. */
  readonly openSession: (token?: string) => RestSession;
  /** Closes every connection, drops late commands and leaves nothing running. */
  readonly stop: () => Promise<void>;
}

const METHODS = new Set(["GET", "POST", "PUT", "HEAD"]);
const WRONG_TOKEN = "WRONGPASS invalid or missing auth token";

/** Starts the front; it accepts requests once this resolves. */
export async function startRestFront({ redisUrl, port = 0 }: RestFrontOptions): Promise<RestFront> {
  const upstream = new RestUpstream(redisUrl);
  const sessions = new Map<string, RestSession>();
  const controlToken = newToken();
  let url = "";
  const openSession = (token = newToken()): RestSession => {
    if (sessions.has(token)) {
      throw new Error("a session with this token is already open");
    }
    const session = new RestSession(url, token, () => sessions.delete(token));
    sessions.set(token, session);
    return session;
  };
  const state: FrontState = { upstream, sessions, controlToken, openSession };
  const server = createServer((request, response) => {
    void serve(state, request, response);
  });
  // The server never closes an idle connection: that would race with a request just being sent.
  server.keepAliveTimeout = 0;
  url = `http://127.0.0.1:${await listen(server, port)}`;
  return {
    url,
    controlToken,
    openSession,
    async stop() {
      for (const session of sessions.values()) {
        session.close();
      }
      await closeServer(server);
      upstream.close();
    },
  };
}

async function serve(
  state: FrontState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.on("error", () => {});
  try {
    await route(state, request, response);
  } catch (error) {
    fail(response, error);
  }
}

async function route(
  state: FrontState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { upstream, sessions } = state;
  const url = new URL(`http://front${request.url ?? "/"}`);
  const method = request.method ?? "GET";
  const body = await readBody(request);
  response.setHeader("upstash-sync-token", "local");
  if (url.pathname === "/_control") {
    const answer = await handleControl(state, requestToken(request, url), body);
    respond(response, answer.status, answer.body);
    return;
  }
  const session = sessions.get(requestToken(request, url) ?? "");
  if (session === undefined) {
    respond(response, 401, errorBody(WRONG_TOKEN));
    return;
  }
  if (!METHODS.has(method)) {
    respond(response, 405, errorBody(`ERR method ${method} is not allowed`));
    return;
  }
  session.track(response);
  const { kind, commands, channel } = parseRequest(method, url, body);
  const base64 = request.headers["upstash-encoding"] === "base64";
  const apply =
    channel === undefined
      ? () => applyCommands({ kind, commands, upstream, base64 })
      : () => streamSubscription({ ...channel, upstream, response });
  await exchange({ kind, commands, session, request, response, apply });
}

/** A broken socket needs no response; anything else gets one, so that no client waits forever. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
  } else if (error instanceof BadCommand) {
    respond(response, error.status, errorBody(error.message));
  } else if (error instanceof UpstreamLost) {
    respond(response, 503, errorBody(error.message));
  } else {
    response.destroy();
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") {
        reject(new Error("the REST front has no port"));
      } else {
        resolve(address.port);
      }
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function newToken(): string {
  return randomBytes(16).toString("hex");
}
