import { ErrorReply } from "@redis/client";

/**
 * A reply as the front's connection decodes it: strings stay bytes, and integers become decimal text, because a
 * JavaScript number would round those beyond 2^53.
 */
export type RedisReply = null | string | Buffer | ErrorReply | readonly RedisReply[];

/** The JSON of `{"result": …}`, or of `{"error": …}` for an error reply. */
export function envelope(reply: RedisReply, base64: boolean): string {
  return reply instanceof ErrorReply
    ? errorBody(reply.message)
    : `{"result":${resultJson(reply, base64, true)}}`;
}

/** The JSON of `{"error": …}`. */
export function errorBody(message: string): string {
  return JSON.stringify({ error: message });
}

function resultJson(reply: RedisReply, base64: boolean, top: boolean): string {
  if (reply === null) {
    return "null";
  }
  if (typeof reply === "string") {
    return reply;
  }
  if (reply instanceof ErrorReply) {
    return stringJson(Buffer.from(reply.message), base64);
  }
  if (Buffer.isBuffer(reply)) {
    // Upstash leaves the status OK unencoded; inside an array its client would decode it as base64.
    const isStatus = top && reply.toString() === "OK";
    return stringJson(reply, base64 && !isStatus);
  }
  return `[${reply.map((element) => resultJson(element, base64, false)).join(",")}]`;
}

function stringJson(bytes: Buffer, base64: boolean): string {
  return JSON.stringify(bytes.toString(base64 ? "base64" : "utf8"));
}
