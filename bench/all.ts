/**
 * `npm run bench -- all`: the benchmarks one after another, then `bench/RESULTS.md` with what they printed,
 * and `bench/contended.svg`.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { CONTENDED_FILE, pictureOf, type ContendedTable } from "./cost/picture.ts";

const ROOT = path.join(import.meta.dirname, "..");
const NAMES = ["cost", "wire", "once", "contended"];

const run = (command: string, args: readonly string[]): string =>
  execFileSync(command, args, {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });

const sections = NAMES.map((name) => {
  console.log(`${name} …`);
  const printed = run(process.execPath, ["bench/run.ts", name]).trim();
  // Tables are Markdown already.
  const shown = printed.includes("| --- |") ? printed : `\`\`\`text\n${printed}\n\`\`\``;
  return `## ${name}\n\n${shown}\n`;
});
const changed =
  run("git", ["status", "--porcelain", "--", "src", "bench/*.ts"]) === "" ? "" : ", with changes";
const commit = run("git", ["rev-parse", "--short", "HEAD"]).trim() + changed;
const [cpu] = os.cpus();
const load = os
  .loadavg()
  .map((value) => value.toFixed(1))
  .join(" ");
const machine = `${os.cpus().length} × ${cpu?.model ?? "unknown processor"}, Node ${process.version}, ${os.type()}`;
const head = [
  "# Results of the benchmarks",
  "",
  "Written by `npm run bench -- all`.",
  "",
  `- Date: ${new Date().toISOString().slice(0, 10)}`,
  `- Commit: ${commit}`,
  `- Machine: ${machine}; load at the end ${load}`,
  "",
  "![Many wait for one lock](contended.svg)",
  "",
].join("\n");
const tables = JSON.parse(readFileSync(CONTENDED_FILE, "utf8")) as readonly ContendedTable[];
writeFileSync(path.join(import.meta.dirname, "contended.svg"), pictureOf(tables));
writeFileSync(path.join(import.meta.dirname, "RESULTS.md"), `${head}\n${sections.join("\n")}`);
console.log("bench/RESULTS.md and bench/contended.svg are written.");
