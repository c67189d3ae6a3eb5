export { instrument, type InstrumentOptions } from "./instrument.ts";
export type { Meter, Span, Tracer } from "./telemetry.ts";
