import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ADAPTERS } from "./adapters.ts";
import type { Upload } from "./upload-server.ts";

const MB = 2 ** 20;

let server: ChildProcess;
let port: number;
beforeAll(async () => {
  server = fork(fileURLToPath(new URL("upload-server.ts", import.meta.url)));
  const [address] = (await once(server, "message")) as [{ readonly port: number }];
  ({ port } = address);
});
afterAll(async () => {
  server.disconnect();
  await once(server, "exit");
});

/** Sends so many bytes, without saying how many, until the server closes the connection. */
async function upload(path: string, size: number): Promise<Upload> {
  const told = once(server, "message") as Promise<[Upload]>;
  const socket = connect(port, "127.0.0.1").resume();
  // The server does not wait for what it has refused.
  socket.on("error", () => {});
  const parts = requestOf(path, size);
  const sendMore = (): void => {
    for (let part = parts.next(); part.done !== true; part = parts.next()) {
      if (!socket.write(part.value)) return;
    }
  };
  socket.on("drain", sendMore);
  sendMore();
  const [outcome] = await told;
  socket.destroy();
  return outcome;
}

function* requestOf(path: string, size: number): Iterator<Buffer> {
  const key = `idempotency-key: ${crypto.randomUUID()}`;
  const head = [`POST ${path} HTTP/1.1`, "host: upload.example", "connection: close", key];
  yield Buffer.from([...head, "transfer-encoding: chunked", "", ""].join("\r\n"));
  const chunk = Buffer.from(`10000\r\n${"x".repeat(0x10000)}\r\n`);
  for (let sent = 0; sent < size; sent += 0x10000) yield chunk;
  yield Buffer.from("0\r\n\r\n");
}

it.each(ADAPTERS.map(([name], index) => [name, index] as const))(
  "behind %s, an upload of 200 MB is a 413 that is cancelled, and does not fill the memory",
  async (_, index) => {
    const path = `/${index}`;
    const small = await upload(path, MB / 2);
    expect(small).toMatchObject({ status: 200, isAnswered: true, isCancelled: false });
    const large = await upload(path, 200 * MB);
    expect(large).toMatchObject({ status: 413, isAnswered: true, isCancelled: true });
    expect(large.grown).toBeLessThan(50 * MB);
  },
);
