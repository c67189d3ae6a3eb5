import { applyCommands } from "./apply.ts";
import type { Answer } from "./apply.ts";
import { toCommand } from "./command.ts";
import type { ControlRequest } from "./control-client.ts";
import { errorBody } from "./reply.ts";
import type { RestSession } from "./session.ts";
import type { FrontState } from "./state.ts";

/** The control plane: for tests in another runtime and for the demo. Only our own client uses it. */
export async function handleControl(
  state: FrontState,
  token: string | undefined,
  body: Buffer,
): Promise<Answer> {
  if (token !== state.controlToken) {
    return { status: 401, body: errorBody("wrong control token") };
  }
  try {
    const request: unknown = JSON.parse(body.toString("utf8"));
    if (!isControlRequest(request)) {
      throw new Error("a control request is an object with an op and, for most ops, a token");
    }
    if (request.op === "command") {
      const commands = [toCommand(request.command)];
      return await applyCommands({
        kind: "single",
        commands,
        upstream: state.upstream,
        base64: false,
      });
    }
    const result = await perform(state, request);
    return { status: 200, body: JSON.stringify({ result }) };
  } catch (error) {
    return { status: 400, body: errorBody(error instanceof Error ? error.message : String(error)) };
  }
}

function isControlRequest(value: unknown): value is ControlRequest {
  if (typeof value !== "object" || value === null || !("op" in value)) {
    return false;
  }
  const { op } = value;
  const tokenless = op === "open-session" || op === "command";
  return tokenless || ("token" in value && typeof value.token === "string");
}

async function perform(
  state: FrontState,
  request: Exclude<ControlRequest, { op: "command" }>,
): Promise<unknown> {
  if (request.op === "open-session") {
    const { url, token } = state.openSession(request.token);
    return { url, token };
  }
  const session = sessionOf(state, request.token);
  switch (request.op) {
    case "close-session":
      return session.close();
    case "disconnect":
      return session.disconnect();
    case "counters":
      return { ...session.counters.snapshot(), hits: session.faults.hits };
    case "reset":
      session.faults.hits = {};
      return session.counters.reset();
    case "add-fault":
      return void session.faults.add(request.fault);
    case "clear-faults":
      return session.faults.clear();
    case "latency":
      session.latencyMs = request.ms;
      return null;
    case "settled":
      return session.settled();
    default:
      return unknownOp(request);
  }
}

function unknownOp(request: never): never {
  throw new Error(`unknown op in ${JSON.stringify(request)}`);
}

function sessionOf(state: FrontState, token: string): RestSession {
  const session = state.sessions.get(token);
  if (session === undefined) {
    throw new Error("no session with this token");
  }
  return session;
}
