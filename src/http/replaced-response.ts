/** What lets a browser read a response. */
const CROSS_ORIGIN = /^(?:access-control-.*|vary)$/;

/** The answer in place of a response that no longer counts, with the headers that let a browser read it. */
export async function replaced({ headers, body }: Response, answer: Response): Promise<Response> {
  const replacement = new Response(answer.body, answer);
  for (const [name, value] of headers) {
    if (CROSS_ORIGIN.test(name)) replacement.headers.set(name, value);
  }
  // A stream that nobody will read must not keep its source open.
  if (body?.locked === false) await body.cancel().catch(() => undefined);
  return replacement;
}
