import { useRest, type Rest } from "../support/rest.ts";
import type { OpenClient } from "./client.ts";

/** Clients of a front in this process; what a test leaves behind fails it. */
export function nodeClients(): OpenClient {
  const { open } = useRest();
  return async () => toClient(open());
}

function toClient(rest: Rest): Awaited<ReturnType<OpenClient>> {
  const { session, prefix, pledges } = rest;
  return {
    prefix,
    pledges,
    // Fifty requests at once on a busy machine may take longer than the default.
    locks: (options) =>
      rest.locks({ database: rest.database({ requestTimeout: 10_000 }), ...options }),
    command: (...command) => rest.command(...command),
    counters: async () => session.counters.snapshot(),
    addFault: async (fault) => void session.faults.add(fault),
    setLatency: async (ms) => {
      session.latencyMs = ms;
    },
  };
}
