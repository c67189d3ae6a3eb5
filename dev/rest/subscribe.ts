import type { ServerResponse } from "node:http";
import type { RestUpstream } from "./upstream.ts";

export interface Channel {
  readonly name: string;
  readonly pattern: boolean;
}

export interface Subscription extends Channel {
  readonly upstream: RestUpstream;
  readonly response: ServerResponse;
}

/** Streams a channel as server-sent events until the client disconnects or Redis goes away; takes over the response. */
export async function streamSubscription(subscription: Subscription): Promise<undefined> {
  const { name, pattern, upstream, response } = subscription;
  const client = await upstream.dedicated();
  const end = (): void => {
    upstream.release(client);
    response.destroy();
  };
  response.once("close", end);
  client.once("error", end);
  if (response.destroyed) {
    end();
    return undefined;
  }
  const listener = (message: Buffer, channel: Buffer): void => {
    const head = pattern ? `pmessage,${name},` : "message,";
    writeEvent(response, Buffer.concat([Buffer.from(head), channel, Buffer.from(","), message]));
  };
  await (pattern
    ? client.pSubscribe(name, listener, true)
    : client.subscribe(name, listener, true));
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  writeEvent(response, Buffer.from(`${pattern ? "psubscribe" : "subscribe"},${name},1`));
  return undefined;
}

function writeEvent(response: ServerResponse, data: Buffer): void {
  // A line break would end the field; the event stream format repeats the field name instead.
  const text = data.toString("utf8").replaceAll(/\r\n|\r|\n/g, "\ndata: ");
  response.write(`data: ${text}\n\n`);
}
