import { exports } from "cloudflare:workers";
import { inject } from "vitest";
import { controlClient, type ControlClient } from "../../dev/rest/control-client.ts";

/** Bypasses the Worker, its counters and faults: to look and to interfere. */
export function frontControl(): ControlClient {
  const { url, controlToken } = inject("front");
  return controlClient(url, controlToken);
}

export function command(...parts: (string | number)[]): Promise<unknown> {
  return frontControl().command(...parts);
}

/** A request through a service binding, as one Worker calls another: it has its own request context. */
export function call(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  return exports.default.fetch(`http://worker.test${path}`, { ...init, method });
}

export function json(response: Response): Promise<Record<string, unknown>> {
  return response.json<Record<string, unknown>>();
}
