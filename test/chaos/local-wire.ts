import { createClient } from "@redis/client";
import type { RestFront } from "../../dev/rest/front.ts";
import type { Wire } from "./wire.ts";

/** A connection to Redis that bypasses every front. */
export interface DirectConnection {
  readonly command: (...command: (string | number)[]) => Promise<unknown>;
  readonly close: () => void;
}

/** Replies are as in RESP2: numbers as numbers, everything else as text. */
export async function openDirectConnection(redisUrl: string): Promise<DirectConnection> {
  const client = createClient({ url: redisUrl, RESP: 2, disableClientInfo: true });
  client.on("error", () => {});
  await client.connect();
  return {
    command: (...command) => client.sendCommand(command.map(String)),
    close: () => client.destroy(),
  };
}

/** Opens a wire on a front in this process. */
export function localWire(front: RestFront, { command }: DirectConnection): Wire {
  const session = front.openSession();
  const { faults } = session;
  return {
    url: session.url,
    token: session.token,
    command,
    addFault: async (fault) => void faults.add(fault),
    clearFaults: async () => faults.clear(),
    hits: async () => faults.hits,
    settled: () => session.settled(),
    close: async () => session.close(),
  };
}
