import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const READY_LIMIT_MS = 30_000;
const POLL_MS = 20;

/** A loopback port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string") {
          reject(new Error("no loopback port"));
        } else {
          resolve(address.port);
        }
      });
    });
  });
}

export interface WaitForRedis {
  readonly port: number;
  /** Settles if the server exits: then there is nothing to wait for. */
  readonly ended: Promise<void>;
  /** The process that must be the one answering. */
  readonly processId?: number;
}

/** Resolves once the server answers PING; throws if it exits first or stays silent for half a minute. */
export async function waitForRedis({ port, ended, processId }: WaitForRedis): Promise<void> {
  const over = ended.then(() => "over" as const);
  const limit = Date.now() + READY_LIMIT_MS;
  while (Date.now() < limit) {
    // oxlint-disable-next-line no-await-in-loop
    const answer = await ask(port);
    const answering = /process_id:(\d+)/.exec(answer)?.[1];
    const ours = processId === undefined || answering === String(processId);
    // oxlint-disable-next-line no-await-in-loop
    if ((await Promise.race([over, sleep(POLL_MS)])) === "over") {
      throw new Error("it exited immediately");
    }
    if (answer.startsWith("+PONG") && ours) {
      return;
    }
  }
  throw new Error(`no answer within ${READY_LIMIT_MS / 1000} s`);
}

/** The replies to PING and INFO as text; empty when nothing listens there. */
function ask(port: number): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => {
      socket.write("PING\r\nINFO server\r\nQUIT\r\n");
    });
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}
