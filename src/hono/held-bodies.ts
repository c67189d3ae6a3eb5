import type { Context } from "hono";

/** The bodies of a request whose end is waited for. */
const heldBodies = new WeakMap<Context, ReadableStream[]>();

export function noteHeld(c: Context, { body }: Response): void {
  if (body !== null) heldBodies.set(c, [...(heldBodies.get(c) ?? []), body]);
}

/** Whether the response may still be on its way when its handler has ended. */
export function isHolding(c: Context): boolean {
  return heldBodies.has(c);
}

/**
 * Cancels the bodies that nobody will read, as a middleware outside of the guard has answered instead
 * or thrown. One that is being read goes out, as it is or as what was made of it.
 */
export async function cancelUnsent(c: Context, isAnswered: boolean): Promise<void> {
  for (const body of heldBodies.get(c) ?? []) {
    const isSent = body.locked || (isAnswered && c.res.body === body);
    // Its lock is released even if the source cannot be cancelled.
    if (!isSent) await body.cancel().catch(() => undefined);
  }
}
