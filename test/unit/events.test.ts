import { afterEach, expect, it, vi } from "vitest";
import { Events } from "../../src/events.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

it("calls every listener in the order of subscription, each until it is removed", () => {
  const events = new Events<number>();
  const heard: string[] = [];
  const stop = events.subscribe((event) => heard.push(`a${event}`));
  events.subscribe((event) => heard.push(`b${event}`));
  events.emit(1);
  stop();
  stop();
  events.emit(2);
  expect(heard).toEqual(["a1", "b1", "b2"]);
});

it("calls the same listener once, however often it is subscribed", () => {
  const events = new Events<number>();
  const listener = vi.fn<(event: number) => void>();
  events.subscribe(listener);
  events.subscribe(listener);
  events.emit(1);
  expect(listener).toHaveBeenCalledOnce();
});

it("reports a listener that throws on the console, without disturbing the others or the work", () => {
  const reported = vi.spyOn(console, "error").mockImplementation(() => {});
  const events = new Events<number>();
  const error = new Error("from the listener");
  const after = vi.fn<(event: number) => void>();
  events.subscribe(() => {
    throw error;
  });
  events.subscribe(after);
  expect(() => events.emit(1)).not.toThrow();
  expect(after).toHaveBeenCalledWith(1);
  expect(reported).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("leasehold"), error);
});

it("lets a listener remove itself while it is called", () => {
  const events = new Events<number>();
  const heard: number[] = [];
  const stop = events.subscribe((event) => {
    heard.push(event);
    stop();
  });
  events.emit(1);
  events.emit(2);
  expect(heard).toEqual([1]);
});
