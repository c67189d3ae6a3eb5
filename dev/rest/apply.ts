import { ErrorReply } from "@redis/client";
import { BadCommand, refusal } from "./command.ts";
import type { RestCommand } from "./command.ts";
import { envelope, errorBody } from "./reply.ts";
import type { RedisReply } from "./reply.ts";
import type { RestUpstream } from "./upstream.ts";

/** How the commands of one request are executed and answered. */
export type CommandsKind = "single" | "pipeline" | "multi-exec";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface ApplyOptions {
  readonly kind: CommandsKind;
  readonly commands: readonly RestCommand[];
  readonly upstream: RestUpstream;
  readonly base64: boolean;
}

/** Sends commands to Redis once, and formats its replies as Upstash does. */
export async function applyCommands(options: ApplyOptions): Promise<Answer> {
  const { kind, commands, upstream, base64 } = options;
  if (kind === "pipeline") {
    return applyPipeline(options);
  }
  for (const command of commands) {
    const refused = refusal(command);
    if (refused !== undefined) {
      throw new BadCommand(refused);
    }
  }
  if (kind === "multi-exec") {
    const reply = await upstream.transaction(commands);
    return Array.isArray(reply) ? listAnswer(reply, base64) : singleAnswer(reply, base64);
  }
  const [reply = null] = await upstream.run(commands);
  return singleAnswer(reply, base64);
}

/** In a pipeline each command succeeds or fails independently. */
async function applyPipeline({ commands, upstream, base64 }: ApplyOptions): Promise<Answer> {
  const replies = await upstream.run(commands.filter((one) => refusal(one) === undefined));
  const bodies = commands.map((command) => {
    const refused = refusal(command);
    return refused === undefined ? envelope(replies.shift() ?? null, base64) : errorBody(refused);
  });
  return { status: 200, body: `[${bodies.join(",")}]` };
}

function singleAnswer(reply: RedisReply, base64: boolean): Answer {
  return { status: reply instanceof ErrorReply ? 400 : 200, body: envelope(reply, base64) };
}

function listAnswer(replies: readonly RedisReply[], base64: boolean): Answer {
  return { status: 200, body: `[${replies.map((reply) => envelope(reply, base64)).join(",")}]` };
}
