/** Statuses that tell a client to come back: RFC 9110, RFC 4918 and RFC 6585. */
export type BusyStatus = 409 | 423 | 429;

export const BUSY_STATUSES: readonly number[] = [409, 423, 429] satisfies readonly BusyStatus[];

const TITLES = {
  400: "Bad Request",
  409: "Conflict",
  413: "Content Too Large",
  422: "Unprocessable Content",
  423: "Locked",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

/** What an answer to a failure says (RFC 9457). Nothing in it comes from the holder of a lock. */
export interface Problem {
  readonly status: keyof typeof TITLES;
  readonly detail?: string;
  /** A URI; what each means is in docs/idempotency.md. @default about:blank */
  readonly type?: string;
  readonly retryAfter?: string;
}

/** The answer to a failure. */
export function problemResponse(problem: Problem): Response {
  const { status } = problem;
  return new Response(problemText(problem), { status, headers: problemHeaders(problem) });
}

/** Its headers. */
export function problemHeaders({ retryAfter }: Problem): Record<string, string> {
  return {
    "content-type": "application/problem+json",
    ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
  };
}

/** Its body. */
export function problemText({ status, detail, type = "about:blank" }: Problem): string {
  return JSON.stringify({ type, title: TITLES[status], status, detail });
}
