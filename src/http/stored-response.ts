/** A response as it is remembered. */
export interface StoredResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: StoredBody;
}

/** As text where it is valid UTF-8, so that what is stored can be read. */
type StoredBody = null | { readonly text: string } | { readonly base64: string };

/** A response that has been read; undefined `stored` where it cannot be kept. */
export interface CapturedResponse {
  /** The same response, still to be sent. */
  readonly response: Response;
  readonly stored: StoredResponse | undefined;
}

/** Meant for one answer or one connection alone (RFC 9110, section 7.6.1), or computed anew. */
const NOT_REPLAYED =
  /^(?:set-cookie|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|date)$/;

/**
 * Reads a response to its end, unless it is a stream or larger than `maxBytes`: then it passes through,
 * and is not kept.
 */
export async function captureResponse(
  response: Response,
  maxBytes: number,
): Promise<CapturedResponse> {
  if (response.body === null) return captured(response, null);
  if (isStream(response) || Number(response.headers.get("content-length") ?? 0) > maxBytes) {
    return { response, stored: undefined };
  }
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
    if (size > maxBytes) return { response: resumed(response, chunks, reader), stored: undefined };
  }
  const bytes = joined(chunks, size);
  return captured(new Response(bytes, response), bytes);
}

/** One that says it is sent piece by piece, perhaps for long: it is not to be waited for. */
function isStream({ headers }: Response): boolean {
  return (
    headers.get("content-type")?.startsWith("text/event-stream") === true ||
    headers.has("transfer-encoding")
  );
}

function captured(response: Response, bytes: Uint8Array | null): CapturedResponse {
  const headers = [...response.headers].filter(([name]) => !NOT_REPLAYED.test(name));
  const body = bytes === null ? null : storedBody(bytes);
  return { response, stored: { status: response.status, headers, body } };
}

function storedBody(bytes: Uint8Array): StoredBody {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    let binary = "";
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return { base64: btoa(binary) };
  }
}

/** What has been read already, then the rest. */
function resumed(
  response: Response,
  chunks: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Response {
  const waiting = [...chunks];
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = waiting.shift();
      if (next !== undefined) {
        controller.enqueue(next);
        return;
      }
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, response);
}

export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The remembered response, marked as a replay. */
export function replayed({ status, headers, body }: StoredResponse): Response {
  const init = {
    status,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  };
  const response = new Response(body === null ? null : bytesOf(body), init);
  response.headers.set("idempotent-replayed", "true");
  return response;
}

function bytesOf(body: Exclude<StoredBody, null>): BodyInit {
  // As bytes: a text would bring a content type of its own.
  if ("text" in body) return new TextEncoder().encode(body.text);
  return Uint8Array.from(atob(body.base64), (letter) => letter.charCodeAt(0));
}
