import type { ControlClient } from "../../dev/rest/control-client.ts";
import type { FaultKind, PlainFault } from "../../dev/rest/faults.ts";

/** One client's connection to Redis, its faults, and a way to bypass them. */
export interface Wire {
  readonly url: string;
  readonly token: string;
  addFault(fault: PlainFault): Promise<void>;
  clearFaults(): Promise<void>;
  /** How many requests each kind of fault has hit. */
  hits(): Promise<Partial<Record<FaultKind, number>>>;
  /** Resolves when every command held back has been applied. */
  settled(): Promise<void>;
  /** Runs a command, bypassing the faults. */
  command(...command: (string | number)[]): Promise<unknown>;
  close(): Promise<void>;
}

/** Opens a wire on a front in another process. */
export async function remoteWire(control: ControlClient): Promise<Wire> {
  const { url, token } = await control.openSession();
  return {
    url,
    token,
    addFault: (fault) => control.addFault(token, fault),
    clearFaults: () => control.clearFaults(token),
    hits: async () => (await control.counters(token)).hits,
    settled: () => control.settled(token),
    command: (...command) => control.command(...command),
    close: () => control.closeSession(token),
  };
}
