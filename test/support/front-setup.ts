import type { TestProject } from "vitest/node";
import { startStack } from "../../dev/stack.ts";

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const stack = await startStack({ onProgress: (line) => console.log(line) });
  const { url, controlToken } = stack.front;
  provide("front", { url, controlToken });
  return () => stack.stop();
}
