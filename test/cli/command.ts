import { spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import { buildPackage, type BuiltPackage } from "../support/built-package.ts";

/** What a run of the program left behind. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Where {
  readonly url: string;
  readonly token: string;
}

export interface RunOptions {
  /** What is typed. */
  readonly input?: string;
  /** Sends Ctrl-C once this has been printed. */
  readonly interruptAt?: RegExp;
}

/** The program as it is published, in a process of its own. */
export function useCommand(): (
  where: Where | null,
  args: readonly string[],
  options?: RunOptions,
) => Promise<Finished> {
  let built: BuiltPackage | undefined;
  beforeAll(async () => {
    built = await buildPackage();
  });
  afterAll(async () => built?.remove());
  return (where, args, options = {}) => {
    if (built === undefined) throw new Error("a command before beforeAll");
    const file = path.join(built.project, "node_modules/leasehold/dist/cli.js");
    const variables = where && {
      UPSTASH_REDIS_REST_URL: where.url,
      UPSTASH_REDIS_REST_TOKEN: where.token,
    };
    const child = spawn(process.execPath, [file, ...args], {
      env: { PATH: process.env["PATH"], ...variables },
    });
    let [stdout, stderr] = ["", ""];
    child.stderr.on("data", (part: Buffer) => void (stderr += part.toString()));
    child.stdout.on("data", (part: Buffer) => {
      stdout += part.toString();
      if (options.interruptAt?.test(stdout) === true) child.kill("SIGINT");
    });
    child.stdin.end(options.input ?? "");
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status) => resolve({ status, stdout, stderr }));
    });
  };
}

/** A front that has everything but event streams, before one that has them. */
export async function withoutStreams(front: string): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
      if (request.method !== "POST") return void response.writeHead(404).end("not found");
      const { authorization = "" } = request.headers;
      const body = Buffer.concat(parts).toString();
      const answer = await fetch(front, { method: "POST", headers: { authorization }, body });
      response.writeHead(answer.status).end(await answer.text());
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return { url: `http://127.0.0.1:${port}`, server };
}
