import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer, CommandsKind } from "./apply.ts";
import type { RestCommand } from "./command.ts";
import type { FaultKind, FaultSpec } from "./faults.ts";
import { errorBody } from "./reply.ts";
import type { RestSession } from "./session.ts";

/** One HTTP request that carries commands, from its arrival to its response or a broken socket. */
export interface Exchange {
  readonly kind: CommandsKind;
  readonly commands: readonly RestCommand[];
  readonly session: RestSession;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Executes the commands once; undefined if the response was taken over, as by an event stream. */
  readonly apply: () => Promise<Answer | undefined>;
}

type Outcome = Promise<Answer | undefined>;

const HTML_PAGE = "<html><head><title>Bad Gateway</title></head><body>Bad Gateway</body></html>";

/** Handles a request under the session's latency and faults. */
export async function exchange(one: Exchange): Promise<void> {
  const { session, commands } = one;
  session.counters.received(commands);
  const faults = session.faults.take(commands);
  const ofKind = (kind: FaultKind): FaultSpec[] => faults.filter((fault) => fault.kind === kind);
  const halfLatency = { ms: session.halfLatency() };
  await session.wait(halfLatency);
  await waitForAll(session, ofKind("delay-request"));
  const main = faults.find(({ kind }) => kind !== "delay-request" && kind !== "delay-response");
  const answer = await (main === undefined ? apply(one) : outcomes[main.kind](one, main));
  if (answer === undefined) {
    return;
  }
  await waitForAll(session, ofKind("delay-response"));
  await session.wait(halfLatency);
  respond(one.response, answer.status, answer.body);
}

export function respond(
  response: ServerResponse,
  status: number,
  body: string,
  type = "application/json",
): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

async function waitForAll(session: RestSession, delays: readonly FaultSpec[]): Promise<void> {
  for (const delay of delays) {
    // Delays add up.
    // oxlint-disable-next-line no-await-in-loop
    await session.wait(delay);
  }
}

function apply({ session, commands, apply: work }: Exchange): Outcome {
  session.counters.applied += commands.length;
  return work();
}

async function applyIfAsked(one: Exchange, { apply: asked = false }: FaultSpec): Promise<void> {
  if (asked) {
    await apply(one);
  }
}

/** The answer each kind of fault leaves to be sent; undefined when it has handled the response itself. */
const outcomes: Record<FaultKind, (one: Exchange, fault: FaultSpec) => Outcome> = {
  "delay-request": apply,
  "delay-response": apply,
  "drop-request": async ({ request }) => {
    request.socket.destroy();
    return undefined;
  },
  "drop-response": async (one) => {
    await apply(one);
    one.request.socket.destroy();
    return undefined;
  },
  "hold-late": async (one, fault) => {
    one.request.socket.destroy();
    one.session.later(one.session.wait(fault).then(() => apply(one)));
    return undefined;
  },
  hang: async (one, fault) => {
    await applyIfAsked(one, fault);
    return undefined;
  },
  "cut-body": async (one) => {
    cut(one.response, await apply(one));
    return undefined;
  },
  "error-json": async (one, fault) => {
    await applyIfAsked(one, fault);
    return { status: fault.status ?? 500, body: errorBody(fault.error ?? "injected fault") };
  },
  "error-html": async (one, fault) => {
    await applyIfAsked(one, fault);
    respond(one.response, fault.status ?? 502, HTML_PAGE, "text/html");
    return undefined;
  },
  "null-result": async (one, fault) => {
    await applyIfAsked(one, fault);
    return nullAnswer(one);
  },
  duplicate: duplicated,
};

function nullAnswer({ kind, commands }: Exchange): Answer {
  const each = commands.map(() => '{"result":null}');
  return { status: 200, body: kind === "single" ? '{"result":null}' : `[${each.join(",")}]` };
}

async function duplicated(one: Exchange, fault: FaultSpec): Outcome {
  const first = await apply(one);
  const again = one.session.wait(fault).then(() => apply(one));
  const atOnce = fault.until === undefined && (fault.ms ?? 0) === 0;
  if (fault.reply === "second" || atOnce) {
    const second = await again;
    return fault.reply === "second" ? second : first;
  }
  one.session.later(again);
  return first;
}

function cut(response: ServerResponse, answer: Answer | undefined): void {
  if (answer === undefined) {
    response.destroy();
    return;
  }
  const bytes = Buffer.from(answer.body);
  const length = { "content-type": "application/json", "content-length": bytes.length };
  response.writeHead(answer.status, length);
  // Destroyed only once written: the client must see a truncated body, not a lost reply.
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
}
