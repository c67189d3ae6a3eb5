/**
 * A program: a server of Node's with each adapter's `idempotency()`, at `/0` and `/1`. It tells its parent
 * what became of each upload.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { LockService } from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { ADAPTERS } from "./adapters.ts";

export interface Upload {
  readonly status: number;
  /** Whether all of the answer was given to the network. */
  readonly isAnswered: boolean;
  readonly isCancelled: boolean;
  /** By how much the process has grown while it was handled, in bytes. */
  readonly grown: number;
}

const locks = new LockService({ database: new MemoryDatabase() });
const handlers = ADAPTERS.map(([, adapter]) =>
  adapter.idempotency(
    () => locks,
    {},
    async (request) => new Response(String((await request.arrayBuffer()).byteLength)),
  ),
);

/** The most memory since it was last reset, in bytes. */
let peak = 0;
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 5);

function toRequest(incoming: IncomingMessage): Request {
  const init = {
    method: "POST",
    headers: { "idempotency-key": String(incoming.headers["idempotency-key"]) },
    body: Readable.toWeb(incoming) as ReadableStream,
    duplex: "half",
  };
  return new Request(`http://upload.example${incoming.url ?? "/"}`, init);
}

async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const before = process.memoryUsage.rss();
  peak = before;
  const handler = handlers[Number(incoming.url?.slice(1))];
  const response = await handler?.(toRequest(incoming));
  const isCancelled = incoming.destroyed && !incoming.readableEnded;
  outgoing.writeHead(response?.status ?? 404);
  outgoing.end(await response?.text());
  await once(outgoing, "close");
  peak = Math.max(peak, process.memoryUsage.rss());
  const { statusCode: status, writableFinished: isAnswered } = outgoing;
  process.send?.({ status, isAnswered, isCancelled, grown: peak - before } satisfies Upload);
}

const server = createServer((incoming, outgoing) => void serve(incoming, outgoing));
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
process.on("disconnect", () => process.exit());
