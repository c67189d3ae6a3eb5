import { retryAfter } from "../retry.ts";
import { LOST, UNAVAILABLE } from "./lock-problems.ts";
import { problemResponse } from "./problem.ts";

/** What each means is in docs/idempotency.md. */
const TYPE = "urn:problem-type:leasehold:idempotency-";

/** What a request with a key is answered instead of a response to it. */
export const PROBLEMS = {
  missing: (): Response =>
    problemResponse({
      status: 400,
      type: `${TYPE}key-missing`,
      detail: "This operation needs an Idempotency-Key header.",
    }),
  malformed: (): Response =>
    problemResponse({
      status: 400,
      type: `${TYPE}key-malformed`,
      detail:
        'The Idempotency-Key header must be one key of 1 to 255 characters, such as "8e03978e".',
    }),
  tooLarge: (maxBytes: number): Response =>
    problemResponse({
      status: 413,
      type: `${TYPE}body-too-large`,
      detail: `With an Idempotency-Key the request may have ${maxBytes} bytes.`,
    }),
  otherRequest: (): Response =>
    problemResponse({
      status: 422,
      type: `${TYPE}key-reused`,
      detail: "This Idempotency-Key was used for another request. Use a new one for each request.",
    }),
  running: (remainingMs: number | null): Response =>
    problemResponse({
      status: 409,
      type: `${TYPE}in-progress`,
      detail: "A request with this Idempotency-Key is being worked on. Try again later.",
      retryAfter: retryAfter(remainingMs),
    }),
  notKept: (): Response =>
    problemResponse({
      status: 409,
      type: `${TYPE}response-not-kept`,
      detail: "The request with this Idempotency-Key is done, and its response was not kept.",
    }),
  unavailable: (): Response => problemResponse(UNAVAILABLE),
  lost: (): Response => problemResponse({ ...LOST, type: `${TYPE}outcome-unknown` }),
} as const;
