import type { LockService } from "../lock-service.ts";

/** By a service of a request: that of the guard or middleware around its own. */
const outerServices = new WeakMap<LockService, LockService>();

/** Notes that a request has a service already where it gets another. */
export function nest(service: LockService, outer: LockService | undefined): void {
  if (outer !== undefined) outerServices.set(service, outer);
}

/** Whether the request of this service holds a key of this name already, by any of its services. */
export function holdsAlready(service: LockService | undefined, key: string): boolean {
  if (service === undefined) return false;
  return service.holds(key) || holdsAlready(outerServices.get(service), key);
}
