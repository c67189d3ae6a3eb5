/** `npm run bench -- <name>` runs `bench/<name>.ts`; without a name it says which there are. */
import { readdirSync } from "node:fs";
import path from "node:path";

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && file !== path.basename(import.meta.filename))
  .map((file) => path.basename(file, ".ts"));
const [name = ""] = process.argv.slice(2);
if (names.includes(name)) {
  await import(`./${name}.ts`);
} else {
  console.error(`usage: npm run bench -- ${names.join(" | ")}`);
  process.exitCode = 2;
}
