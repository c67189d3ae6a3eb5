import type { RestSession } from "./session.ts";
import type { RestUpstream } from "./upstream.ts";

/** What the parts of the front share. */
export interface FrontState {
  readonly upstream: RestUpstream;
  readonly sessions: ReadonlyMap<string, RestSession>;
  readonly controlToken: string;
  readonly openSession: (token?: string) => RestSession;
}
