import type { Context } from "hono";

/** Whether there is a body whose end can be waited for. */
export function canHoldResponse(c: Context): boolean {
  const { status, body } = c.res;
  return c.req.method !== "HEAD" && status !== 101 && body !== null && !body.locked;
}

/** The same response, which calls `onEnd` when its body has been sent, was cancelled or has failed. */
export function holdResponse(response: Response, onEnd: () => Promise<void>): Response {
  if (response.body === null) return response;
  const reader = response.body.getReader();
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
  return new Response(body, response);
}
