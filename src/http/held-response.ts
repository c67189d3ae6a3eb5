/**
 * The response with `onEnd` called when its body has been sent, was cancelled or has failed. Undefined
 * if there is no body whose end can be waited for.
 */
export function heldResponse(
  { method }: Request,
  response: Response,
  onEnd: () => Promise<void>,
): Response | undefined {
  const { status, body: source } = response;
  if (method === "HEAD" || status === 101 || source === null || source.locked) return undefined;
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
  return new Response(body, response);
}
