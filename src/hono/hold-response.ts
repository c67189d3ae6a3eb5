import type { Context } from "hono";

/** The bodies of a request whose end is waited for. */
const heldBodies = new WeakMap<Context, ReadableStream[]>();

/**
 * Has `onEnd` called when the body of the response has been sent, was cancelled or has failed. False
 * if there is no body whose end can be waited for.
 */
export function holdResponse(c: Context, onEnd: () => Promise<void>): boolean {
  const { status, body: source } = c.res;
  if (c.req.method === "HEAD" || status === 101 || source === null || source.locked) return false;
  const reader = source.getReader();
  const body = new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          controller.enqueue(value);
          return;
        }
        await onEnd();
        controller.close();
      } catch (error) {
        await onEnd();
        controller.error(error);
      }
    },
    async cancel(reason) {
      await Promise.all([reader.cancel(reason), onEnd()]);
    },
  });
  c.res = new Response(body, c.res);
  heldBodies.set(c, [...(heldBodies.get(c) ?? []), body]);
  return true;
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
