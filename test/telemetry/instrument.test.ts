import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { instrument } from "../../src/telemetry/index.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer("test");
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(async () => {
  context.disable();
  await provider.shutdown();
});

/** `parent > child` for each span that has ended, and forgets them. */
function lineage(): string[] {
  const spans = exporter.getFinishedSpans();
  exporter.reset();
  return spans.map(({ name, parentSpanContext }) => {
    const parent = spans.find((one) => one.spanContext().spanId === parentSpanContext?.spanId);
    return `${parent?.name ?? ""} > ${name}`;
  });
}

describe("spans:", () => {
  it("the hold is the parent of what the work does, and neither the wait nor the release is part of it", async () => {
    const rest = rests.open();
    const locks = instrument(rest.locks(), { tracer }).forRequest({});
    const before = rest.session.counters.requests;
    await tracer.startActiveSpan("request", async (request) => {
      await locks.withLock("a", () => tracer.startActiveSpan("work", (span) => span.end()));
      request.end();
    });
    expect(lineage()).toEqual([
      "request > lock.acquire",
      "lock.hold > work",
      "request > lock.hold",
      "request > lock.release",
      " > request",
    ]);
    expect(rest.session.counters.requests - before).toBe(2);
  });

  it("a job's work has once.run for its parent; a duplicate has none", async () => {
    const rest = rests.open();
    const locks = instrument(rest.locks(), { tracer });
    const work = (): void => tracer.startActiveSpan("work", (span) => span.end());
    await locks.once("a", work, { remember: 30_000 });
    expect(lineage()).toEqual(["once.run > work", " > once.run"]);
    await locks.once("a", work, { remember: 30_000 });
    expect(lineage()).toEqual([]);
  });

  it.each([true, false])("the key is told only if that is asked for: %s", async (includeKey) => {
    const rest = rests.open();
    const locks = instrument(rest.locks(), { tracer, includeKey });
    await locks.withLock("secret", () => undefined);
    const held = await locks.acquire("secret");
    await expect(locks.acquire("secret", { retry: { maxRetries: 0 } })).rejects.toThrow("secret");
    await held.release();
    const told = exporter.getFinishedSpans().map(({ attributes, events }) => [attributes, events]);
    exporter.reset();
    expect(told).toHaveLength(6);
    expect(JSON.stringify(told).includes("secret")).toBe(includeKey);
    expect(JSON.stringify(told)).toContain('"error.type":"LOCK_ACQUISITION"');
  });

  it("a service stays what it is: bound or not, with its own errors", async () => {
    const rest = rests.open();
    const locks = instrument(rest.locks(), { tracer });
    expect(() => locks.holds("a")).toThrow("bound to no request");
    await using lock = await locks.forRequest({}).acquire("a");
    expect(await locks.tryAcquire("a")).toBeNull();
    expect(lock.keys).toEqual(["a"]);
  });
});

describe("metrics:", () => {
  it("count what became of locks, and measure waiting and holding, without keys", async () => {
    const rest = rests.open();
    const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter: metrics });
    const meters = new MeterProvider({ readers: [reader] });
    const locks = instrument(rest.locks(), { meter: meters.getMeter("test") });
    const held = await locks.forRequest({}).acquire("secret");
    await locks.tryAcquire("secret");
    await expect(locks.acquire("secret", { waitTimeout: 1 })).rejects.toThrow("secret");
    await held.release();
    await reader.forceFlush();
    const found = metrics.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    await meters.shutdown();
    const values = Object.fromEntries(
      found
        .flatMap((scope) => scope.metrics)
        .map(({ descriptor, dataPoints }) => [
          descriptor.name,
          dataPoints.map(({ value }) => (typeof value === "number" ? value : value.count)),
        ]),
    );
    expect(values).toEqual({
      "lock.wait.duration": [1, 1, 1],
      "lock.hold.duration": [1],
      "lock.acquired": [1],
      "lock.refused": [1],
      "lock.timed_out": [1],
    });
    expect(JSON.stringify(found)).not.toContain("secret");
  });
});
