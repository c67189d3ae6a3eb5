import { joined } from "./stored-response.ts";

/**
 * What distinguishes a request from another with the same key: its method, path, query and body, as a
 * digest. Undefined when the body is larger than `maxBytes`; it is then read no further.
 */
export async function fingerprintOf(
  request: Request,
  maxBytes: number,
): Promise<string | undefined> {
  const body = await readUpTo(request, maxBytes);
  if (body === undefined) return undefined;
  const { pathname, search } = new URL(request.url);
  const head = new TextEncoder().encode(`${request.method} ${pathname}${search}\n`);
  const digest = await crypto.subtle.digest(
    "SHA-256",
    joined([head, body], head.length + body.length),
  );
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads a copy: the handler reads the request itself. */
async function readUpTo(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return undefined;
  const { body } = request.clone();
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return joined(chunks, size);
    chunks.push(value);
    size += value.length;
    if (size > maxBytes) {
      // Both, or the copy that nobody reads would go on to buffer what comes.
      await Promise.all([reader.cancel(), request.body?.cancel()]);
      return undefined;
    }
  }
}
