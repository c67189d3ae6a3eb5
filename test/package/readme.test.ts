import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { loadScripts } from "../support/scripts.ts";
import { startRestFront, type RestFront } from "../../dev/rest/front.ts";
import { ROOT, bin, buildPackage, run, type BuiltPackage } from "../support/built-package.ts";

const readme = await readFile(path.join(ROOT, "README.md"), "utf8");
const snippets = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);

let built: BuiltPackage;
let front: RestFront;
beforeAll(async () => {
  // A typical user project: ESM, strict.
  await loadScripts(inject("redisUrl"));
  front = await startRestFront({ redisUrl: inject("redisUrl") });
  built = await buildPackage();
  await writeFile(path.join(built.project, "package.json"), '{ "type": "module" }');
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
  expect(end).toBeLessThan(22);
});

it("every snippet compiles, strictly, against the package as published", async () => {
  await writeFile(
    path.join(built.project, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        module: "NodeNext",
        moduleDetection: "force",
        target: "ES2024",
        lib: ["ES2024", "DOM", "ESNext.Disposable"],
        types: [],
      },
    }),
  );
  const { stdout } = await run(bin("tsc"), ["-p", built.project]).catch((error: unknown) => {
    // The compiler's errors are in its output.
    return error as { readonly stdout: string };
  });
  expect(stdout).toBe("");
});

it.each(snippets.map((code, index) => [index, code] as const))(
  "snippet %i runs, against a real Redis where it uses one, and leaves its keys free",
  async (index, code) => {
    const session = front.openSession();
    session.latencyMs = 200;
    const env = { UPSTASH_REDIS_REST_URL: session.url, UPSTASH_REDIS_REST_TOKEN: session.token };
    // An app gets two concurrent requests: one of them must be refused.
    const ask = `
      const { default: app } = await import("./snippet-${index}.ts");
      const ask = () => app.request("/orders/7/pay", { method: "POST" }, process.env);
      const answers = app === undefined ? [] : await Promise.all([ask(), ask()]);
      console.log("statuses", ...answers.map(({ status }) => status).sort());`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", ask], {
      cwd: built.project,
      env: { ...process.env, ...env, NODE_NO_WARNINGS: "1" },
    });
    const isApp = code.includes("export default app");
    expect(stdout).toContain(isApp ? "statuses 200 409" : "statuses\n");
    const { acquire = 0, release = 0 } = session.counters.byScript;
    // Snippets that use the in-memory database send nothing.
    expect(acquire > 0).toBe(code.includes("leasehold/upstash"));
    expect(release).toBe(isApp ? 1 : acquire);
  },
);
