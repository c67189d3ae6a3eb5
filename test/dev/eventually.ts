import { setTimeout as sleep } from "node:timers/promises";

/** Resolves once `check` is true; the limit only prevents a broken test from hanging. */
export async function eventually(
  what: string,
  check: () => boolean | Promise<boolean>,
  limitMs = 25_000,
): Promise<void> {
  const limit = Date.now() + limitMs;
  // oxlint-disable-next-line no-await-in-loop
  while (!(await check())) {
    if (Date.now() > limit) {
      throw new Error(`not within ${limitMs} ms: ${what}`);
    }
    // oxlint-disable-next-line no-await-in-loop
    await sleep(10);
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
