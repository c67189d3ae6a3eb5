import type { IncomingMessage } from "node:http";
import type { CommandsKind } from "./apply.ts";
import { BadCommand, commandFrom, toCommand } from "./command.ts";
import type { RestCommand } from "./command.ts";
import type { Channel } from "./subscribe.ts";

const MAX_REQUEST_BYTES = 10 * 1024 * 1024;

/** What a request asks for, by its path. */
export interface RestRequest {
  readonly kind: CommandsKind;
  readonly commands: RestCommand[];
  /** Set when the answer is an event stream. */
  readonly channel?: Channel;
}

/** The whole body; throws BadCommand beyond Upstash's limit. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Keeps reading to the end: a response sent while the client is still writing is often lost with its socket.
    if (size <= MAX_REQUEST_BYTES) {
      chunks.push(chunk);
    }
  }
  if (size > MAX_REQUEST_BYTES) {
    const limits = `Limit: ${MAX_REQUEST_BYTES} bytes, Actual: ${size} bytes`;
    throw new BadCommand(`ERR max request size exceeded. ${limits}`, 413);
  }
  return Buffer.concat(chunks);
}

/** The bearer token, from the header or from `?_token=`. */
export function requestToken(request: IncomingMessage, url: URL): string | undefined {
  const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return bearer ?? url.searchParams.get("_token") ?? undefined;
}

/** Decodes a request; throws BadCommand for what Upstash answers with 400. */
export function parseRequest(method: string, url: URL, body: Buffer): RestRequest {
  const path = url.pathname.split("/").slice(1).map(decode);
  const [first = "", second = ""] = path;
  if (path.length === 1 && (first === "pipeline" || first === "multi-exec")) {
    return { kind: first, commands: parseList(body) };
  }
  if (path.length === 2 && (first === "subscribe" || first === "psubscribe")) {
    const channel = { name: second, pattern: first === "psubscribe" };
    return { kind: "single", commands: [commandFrom([first, second])], channel };
  }
  if (first === "") {
    if (method === "GET") {
      throw new BadCommand("ERR empty command");
    }
    return { kind: "single", commands: [toCommand(parseJson(body))] };
  }
  return {
    kind: "single",
    commands: [pathCommand(path, url, method === "GET" ? undefined : body)],
  };
}

function parseList(body: Buffer): RestCommand[] {
  const list = parseJson(body);
  if (!Array.isArray(list) || list.length === 0) {
    throw new BadCommand("ERR empty pipeline request");
  }
  return list.map(toCommand);
}

/** `/set/key/value?EX=100`, or the value as the body; both are appended in that order, as Upstash does. */
function pathCommand(path: string[], url: URL, body: Buffer | undefined): RestCommand {
  const args: (string | Buffer)[] = path.at(-1) === "" ? path.slice(0, -1) : path;
  if (body !== undefined && body.length > 0) {
    args.push(body);
  }
  for (const [name, value] of url.searchParams) {
    if (name !== "_token") {
      args.push(name, ...(value === "" ? [] : [value]));
    }
  }
  return commandFrom(args);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw new BadCommand("ERR failed to parse the request body as JSON");
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new BadCommand("ERR malformed path");
  }
}
