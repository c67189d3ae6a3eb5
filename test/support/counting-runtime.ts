import { systemRuntime, type Runtime } from "../../src/index.ts";

/** The system runtime, counting its pending sleeps. */
export function countingRuntime(): { readonly runtime: Runtime; readonly pending: () => number } {
  let pending = 0;
  return {
    pending: () => pending,
    runtime: {
      ...systemRuntime,
      async sleep(ms, signal, options) {
        pending += 1;
        await systemRuntime.sleep(ms, signal, options);
        pending -= 1;
      },
    },
  };
}
