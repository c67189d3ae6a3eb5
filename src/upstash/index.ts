export { upstash } from "./upstash.ts";
