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
    locks: (options) => rest.locks(options),
    command: (...command) => rest.command(...command),
    counters: async () => session.counters.snapshot(),
    addFault: async (fault) => void session.faults.add(fault),
    setLatency: async (ms) => {
      session.latencyMs = ms;
    },
  };
}
