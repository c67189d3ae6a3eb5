import { afterEach, expect, it, vi } from "vitest";
import { Emitter } from "../../src/events.ts";

function emitter<T>(): Pick<Emitter<T>, "events"> & { readonly emit: (event: T) => void } {
  const own = new Emitter<T>();
  return { events: own.events, emit: (event) => own.emit(event) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

it("calls every listener in the order of subscription, each until it is removed", () => {
  const { events, emit } = emitter<number>();
  const heard: string[] = [];
  const stop = events.subscribe((event) => heard.push(`a${event}`));
  events.subscribe((event) => heard.push(`b${event}`));
  emit(1);
  stop();
  stop();
  emit(2);
  expect(heard).toEqual(["a1", "b1", "b2"]);
});

it("calls the same listener once, however often it is subscribed", () => {
  const { events, emit } = emitter<number>();
  const listener = vi.fn<(event: number) => void>();
  events.subscribe(listener);
  events.subscribe(listener);
  emit(1);
  expect(listener).toHaveBeenCalledOnce();
});

it("reports a listener that throws on the console, without disturbing the others or the work", () => {
  const reported = vi.spyOn(console, "error").mockImplementation(() => {});
  const { events, emit } = emitter<number>();
  const error = new Error("from the listener");
  const after = vi.fn<(event: number) => void>();
  events.subscribe(() => {
    throw error;
  });
  events.subscribe(after);
  expect(() => emit(1)).not.toThrow();
  expect(after).toHaveBeenCalledWith(1);
  expect(reported).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("leasehold"), error);
});

it("lets a listener remove itself while it is called", () => {
  const { events, emit } = emitter<number>();
  const heard: number[] = [];
  const stop = events.subscribe((event) => {
    heard.push(event);
    stop();
  });
  emit(1);
  emit(2);
  expect(heard).toEqual([1]);
});
