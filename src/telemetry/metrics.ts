import type { Events } from "../events.ts";
import type { LockEvent } from "../lock-events.ts";
import type { Meter } from "./telemetry.ts";

const COUNTED = {
  acquired: "lock.acquired",
  held: "lock.refused",
  timeout: "lock.timed_out",
  lost: "lock.lost",
  releaseFailed: "lock.release.failed",
} as const;

/** Feeds metrics with events. No key is ever a label: there may be any number of them. */
export function meterEvents(events: Events<LockEvent>, meter: Meter): void {
  const wait = meter.createHistogram("lock.wait.duration", { unit: "s" });
  const hold = meter.createHistogram("lock.hold.duration", { unit: "s" });
  const counters = new Map(
    Object.entries(COUNTED).map(([what, name]) => [what, meter.createCounter(name)]),
  );
  events.subscribe((event) => {
    const what = event.type === "acquireFailed" ? event.reason : event.type;
    counters.get(what)?.add(1);
    if ("waitedMs" in event) wait.record(event.waitedMs / 1_000, { "lock.outcome": what });
    if ("heldMs" in event) hold.record(event.heldMs / 1_000);
  });
}
