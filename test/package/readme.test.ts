import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { eventually } from "../dev/eventually.ts";
import { loadScripts } from "../support/scripts.ts";
import { MAX_MS } from "../../src/runtime.ts";
import { startRestFront, type RestFront } from "../../dev/rest/front.ts";
import { ROOT, bin, buildPackage, run, type BuiltPackage } from "../support/built-package.ts";

const read = (file: string): Promise<string> => readFile(path.join(ROOT, file), "utf8");
/** A page that shows code, and the text of it. */
interface Page {
  readonly name: string;
  readonly text: string;
}

/** The README, and every page of docs: none can be forgotten. */
const pages: readonly Page[] = await Promise.all(
  [
    "README.md",
    ...(await readdir(path.join(ROOT, "docs"), { recursive: true }))
      .filter((name) => name.endsWith(".md"))
      .toSorted()
      .map((name) => path.join("docs", name)),
  ].map(async (name) => ({ name, text: await read(name) })),
);
const textOf = (page: string): string => pages.find(({ name }) => name === page)?.text ?? "";
const readme = textOf("README.md");
/** The blocks of one language: `ts` are compiled and run, `typescript` only compiled. */
const blocksOf = (language: string, text: string): readonly string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, code = ""]) => code,
  );
/** The one page whose blocks are parts of one program. */
const HAND_OFF = "docs/hand-off.md";
const snippets = pages
  .filter(({ name }) => name !== HAND_OFF)
  .flatMap(({ text }) => blocksOf("ts", text));
const onlyCompiled = pages.flatMap(({ name, text }) =>
  blocksOf("typescript", text).map((code) => ({ page: name.replaceAll(/\W+/g, "-"), code })),
);

/** What examples use of frameworks that are not installed here. */
const STAND_INS = `
declare module "cloudflare:workers" {
  export const env: object;
  export function waitUntil(promise: Promise<unknown>): void;
}
declare const process: { readonly env: Readonly<Record<string, string | undefined>> };
declare module "@vercel/schedules" {
  interface ScheduleMetadata { readonly executionId: string; readonly name: string; readonly scheduledAt: string }
  export function handleSchedule(
    handler: (metadata: ScheduleMetadata) => void | Promise<void>,
  ): (request: Request) => Promise<Response>;
}
declare module "node:sqlite" {
  type Row = Readonly<Record<string, string | number>>;
  export class DatabaseSync {
    constructor(path: string);
    exec(sql: string): void;
    prepare(sql: string): { run(row: Row): { readonly changes: number | bigint } };
  }
}
declare module "next/server" {
  export function after<T>(task: Promise<T> | (() => T | Promise<T>)): void;
}
declare module "express" {
  interface Request { readonly params: Record<"id", string> }
  interface Response {
    status(code: number): this;
    set(name: string, value: string): this;
    json(body: unknown): this;
  }
  type Handler = (request: Request, response: Response, next: (error?: unknown) => void) => unknown;
  export default function express(): {
    post(path: string, handler: Handler): void;
    listen(port: number): void;
  };
}
declare module "@nestjs/config" {
  export class ConfigModule { static forRoot(): { readonly module: typeof ConfigModule } }
  export class ConfigService { getOrThrow<T = string>(name: string): T }
}`;

const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  module: "NodeNext",
  moduleDetection: "force",
  target: "ES2024",
  lib: ["ES2024", "DOM", "ESNext.Disposable"],
  types: [],
};
/** As a Nest project has it; the types of Nest, and of node-cron, need those of Node. */
const NEST = {
  ...STRICT,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
  types: ["node"],
  typeRoots: [path.join(ROOT, "node_modules/@types")],
};

/** The compiler's complaints about some files of the project; "" when there are none. */
async function compile(compilerOptions: object, files: readonly string[]): Promise<string> {
  const config = path.join(built.project, "tsconfig.json");
  await writeFile(config, JSON.stringify({ compilerOptions, files: ["stand-ins.d.ts", ...files] }));
  const { stdout } = await run(bin("tsc"), ["-p", config]).catch((error: unknown) => {
    // The compiler's errors are in its output.
    return error as { readonly stdout: string };
  });
  return stdout;
}

let built: BuiltPackage;
let front: RestFront;
beforeAll(async () => {
  // A typical user project: ESM, strict.
  await loadScripts(inject("redisUrl"));
  front = await startRestFront({ redisUrl: inject("redisUrl") });
  built = await buildPackage();
  await writeFile(path.join(built.project, "package.json"), '{ "type": "module" }');
  await writeFile(path.join(built.project, "stand-ins.d.ts"), STAND_INS);
  await writeFile(
    path.join(built.project, "hand-off.ts"),
    blocksOf("ts", textOf(HAND_OFF)).join("\n"),
  );
  for (const [index, code] of snippets.entries()) {
    await writeFile(path.join(built.project, `snippet-${index}.ts`), code);
  }
});
afterAll(async () => {
  await front.stop();
  await built.remove();
});

it("a working program comes within the first 20 lines", () => {
  const end = readme.split("\n").indexOf("export default app;");
  expect(end).toBeGreaterThan(0);
  expect(end).toBeLessThan(20);
});

it("every snippet compiles, strictly, against the package as published", async () => {
  // A snippet may say what its file is called, for others of its page to import it.
  const named = onlyCompiled.map(({ page, code }, index) => ({
    folder: page,
    file: path.join(page, /^\/\/ ([\w.]+\.ts)$/m.exec(code)?.[1] ?? `example-${index}.ts`),
    usesNode: /"(?:(?:@|leasehold\/)nestjs|node-cron|@upstash\/lock)/.test(code),
    code,
  }));
  for (const { folder, file, code } of named) {
    await mkdir(path.join(built.project, folder), { recursive: true });
    await writeFile(path.join(built.project, file), code);
  }
  const nest = named.filter(({ usesNode }) => usesNode).map(({ file }) => file);
  const others = named.filter(({ usesNode }) => !usesNode).map(({ file }) => file);
  const programs = ["hand-off.ts", ...snippets.map((_, index) => `snippet-${index}.ts`)];
  expect(await compile(STRICT, [...programs, ...others])).toBe("");
  expect(await compile(NEST, nest)).toBe("");
});

it.each(snippets.map((code, index) => [index, code] as const))(
  "snippet %i runs, against a real Redis where it uses one, and leaves its keys free",
  async (index, code) => {
    const session = front.openSession();
    const env = { UPSTASH_REDIS_REST_URL: session.url, UPSTASH_REDIS_REST_TOKEN: session.token };
    const isApp = code.includes("export default app");
    // An app gets two concurrent requests: one of them must be refused.
    if (isApp) {
      const areBoth = (): boolean => session.counters.byScript["acquire"] === 2;
      const until = eventually("both have asked", areBoth, 30_000);
      session.faults.add({ kind: "delay-request", script: "release", until });
    }
    // A machine so busy that an answer takes 2 s must not decide: every timeout is ten times as long.
    // What is answered is for the report of a failure.
    const ask = `
      const { fetch, setTimeout } = globalThis;
      globalThis.fetch = async (...call) => {
        const answer = await fetch(...call).catch((error) => {
          console.error(error);
          throw error;
        });
        console.error(answer.status, await answer.clone().text());
        return answer;
      };
      globalThis.setTimeout = (run, ms, ...rest) => setTimeout(run, Math.min(10 * ms, ${MAX_MS}), ...rest);
      const { default: app } = await import("./snippet-${index}.ts");
      const ask = () => app.request("/orders/7/pay", { method: "POST" }, process.env);
      const answers = app === undefined ? [] : await Promise.all([ask(), ask()]);
      console.log("statuses", ...answers.map(({ status }) => status).sort());`;
    const { stdout, stderr } = await run(process.execPath, ["--input-type=module", "-e", ask], {
      cwd: built.project,
      env: { ...process.env, ...env, NODE_NO_WARNINGS: "1" },
    });
    const told = `${stderr}\n${JSON.stringify(session.counters)}`;
    expect(stdout, told).toContain(isApp ? "statuses 200 409" : "statuses\n");
    for (const [, printed = ""] of code.matchAll(/\/\/ prints (.+)$/gm)) {
      expect(stdout, told).toContain(printed);
    }
    const { acquire = 0, admit = 0, complete = 0, release = 0 } = session.counters.byScript;
    // Snippets that use the in-memory database send nothing.
    expect(acquire + admit > 0, told).toBe(code.includes("leasehold/upstash"));
    // What was granted, which is not all that was asked for, is released; so is a job that fails.
    const granted = stderr.match(/"result":"GRANTED/g)?.length ?? 0;
    expect(release, told).toBeGreaterThanOrEqual(granted);
    expect(granted > 0, told).toBe(acquire > 0);
    // Not every job that is asked for runs.
    expect(complete > 0, told).toBe(admit > 0);
  },
);

it("the recipe of a hand-off completes in the consumer what a request has admitted, once", async () => {
  const session = front.openSession();
  const env = { UPSTASH_REDIS_REST_URL: session.url, UPSTASH_REDIS_REST_TOKEN: session.token };
  const program = `
    const { accept, consume } = await import("./hand-off.ts");
    const messages = [];
    const queue = { send: async (message) => void messages.push(message) };
    const said = [await accept("17", queue), await accept("17", queue)];
    for (const message of [...messages, ...messages]) said.push(await consume(message));
    console.log(JSON.stringify([...said, await accept("17", queue), messages.length]));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], {
    cwd: built.project,
    env: { ...process.env, ...env, NODE_NO_WARNINGS: "1" },
  });
  const answers = ["accepted", "accepted", true, true, { charged: "17" }, 1];
  expect(JSON.parse(stdout)).toEqual(answers);
  session.close();
});
