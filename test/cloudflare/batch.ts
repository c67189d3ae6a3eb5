import type { QueueBatch, QueueDelivery } from "../../src/cloudflare/index.ts";

/** A batch, and what its consumer has decided about each message. */
export interface RecordedBatch<Body> extends QueueBatch<Body> {
  /** By message: `ack`, the delay in s until its next delivery, or undefined. */
  readonly decisions: ("ack" | number | undefined)[];
}

/** As a queue delivers it. `ids` are those of the messages, by default "m0", "m1", … */
export function batchOf<Body>(
  bodies: readonly Body[],
  { ids = bodies.map((_, at) => `m${at}`), attempts = 1, queue = "orders" } = {},
): RecordedBatch<Body> {
  const decisions: RecordedBatch<Body>["decisions"] = bodies.map(() => undefined);
  const messages = bodies.map((body, at): QueueDelivery<Body> => {
    // As in a queue, the first decision counts.
    const decide = (decision: "ack" | number): void => void (decisions[at] ??= decision);
    return {
      id: ids[at] ?? "",
      timestamp: new Date(0),
      body,
      attempts,
      ack: () => decide("ack"),
      retry: ({ delaySeconds = 0 } = {}) => decide(delaySeconds),
    };
  });
  return { queue, messages, decisions };
}
