/** What is used of a span: fits that of `@opentelemetry/api`. */
export interface Span {
  setAttribute(name: string, value: string | number): unknown;
  end(): void;
}

/** Fits `trace.getTracer("…")` of `@opentelemetry/api`. */
export interface Tracer {
  startActiveSpan<T>(name: string, work: (span: Span) => T): T;
}

type Attributes = Record<string, string>;
interface MetricOptions {
  unit?: string;
  description?: string;
}

/** Fits `metrics.getMeter("…")` of `@opentelemetry/api`. */
export interface Meter {
  createCounter(
    name: string,
    options?: MetricOptions,
  ): { add(value: number, attributes?: Attributes): void };
  createHistogram(
    name: string,
    options?: MetricOptions,
  ): { record(value: number, attributes?: Attributes): void };
}
