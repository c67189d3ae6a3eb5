export interface HeldBack {
  readonly body: ReadableStream;
  finish(): void;
  fail(): void;
  cancelled(): boolean;
}

/** A body of two chunks, the second held back; records whether it was cancelled. */
export function heldBack(): HeldBack {
  let cancelled = false;
  let controller: ReadableStreamDefaultController | undefined;
  const body = new ReadableStream({
    start(made) {
      controller = made;
      made.enqueue(new TextEncoder().encode("one "));
    },
    cancel() {
      cancelled = true;
    },
  });
  return {
    body,
    cancelled: () => cancelled,
    fail: () => controller?.error(new Error("broken")),
    finish() {
      controller?.enqueue(new TextEncoder().encode("two"));
      controller?.close();
    },
  };
}
