/** Statuses that tell a client to come back: RFC 9110, RFC 4918 and RFC 6585. */
export type BusyStatus = 409 | 423 | 429;

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  409: "Conflict",
  413: "Content Too Large",
  422: "Unprocessable Content",
  423: "Locked",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** What an answer to a failure says (RFC 9457). Nothing in it comes from the holder of a lock. */
export interface Problem {
  readonly status: number;
  readonly detail: string;
  /** A URI; what each means is in docs/idempotency.md. @default about:blank */
  readonly type?: string;
  readonly retryAfter?: string;
}

/** The answer to a failure. */
export function problemResponse({ status, detail, type, retryAfter }: Problem): Response {
  const title = TITLES[status];
  return new Response(JSON.stringify({ type: type ?? "about:blank", title, status, detail }), {
    status,
    headers: {
      "content-type": "application/problem+json",
      ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
    },
  });
}
