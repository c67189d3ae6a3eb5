/** What lets a browser read a response. */
const CROSS_ORIGIN = /^(?:access-control-.*|vary)$/;

/** The headers that stay valid whatever a response says. */
export function crossOriginHeaders({ headers }: Response): [string, string][] {
  return [...headers].filter(([name]) => CROSS_ORIGIN.test(name));
}

/** The answer in place of a response that no longer counts. */
export async function replaced(response: Response, answer: Response): Promise<Response> {
  const replacement = new Response(answer.body, answer);
  for (const [name, value] of crossOriginHeaders(response)) replacement.headers.set(name, value);
  // A stream that nobody will read must not keep its source open.
  if (response.body?.locked === false) await response.body.cancel().catch(() => undefined);
  return replacement;
}
