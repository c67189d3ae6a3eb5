import type { LockOperations } from "./database/operations.ts";
import type { ServiceSettings } from "./lock-options.ts";

/** The database of one request: an event warns before it sends the last request of the budget. */
export function withBudget({
  database,
  requestBudget,
  emitter,
}: Pick<ServiceSettings, "database" | "requestBudget" | "emitter">): LockOperations {
  if (requestBudget === undefined) return database;
  let requests = 0;
  return new Proxy(database, {
    get(target, name) {
      // Read of the target itself: its getters and methods may use private fields.
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function" || name === "constructor") return value;
      return (...args: unknown[]): unknown => {
        requests += 1;
        if (requests === requestBudget) emitter.emit({ type: "requestBudget", requests });
        return Reflect.apply(value, target, args);
      };
    },
  });
}
