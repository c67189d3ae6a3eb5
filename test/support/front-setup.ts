import type { TestProject } from "vitest/node";
import { startStack } from "../../dev/stack.ts";
import { loadScripts } from "./scripts.ts";

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const stack = await startStack({ onProgress: (line) => console.log(line) });
  await loadScripts(stack.redis.url);
  const { url, controlToken } = stack.front;
  provide("front", { url, controlToken });
  return () => stack.stop();
}
