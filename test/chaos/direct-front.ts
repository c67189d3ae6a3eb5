import { afterAll, beforeAll, inject } from "vitest";
import { startRestFront, type RestFront } from "../../dev/rest/front.ts";
import { loadScripts } from "../support/scripts.ts";
import { openDirectConnection, type DirectConnection } from "./local-wire.ts";

/** A REST front, and a connection past it to the same Redis. */
export interface DirectFront {
  readonly front: RestFront;
  readonly direct: DirectConnection;
}

/** One for all tests of a file, in which Redis knows every script. */
export function useDirectFront(): () => DirectFront {
  let front: RestFront | undefined;
  let direct: DirectConnection | undefined;
  beforeAll(async () => {
    const redisUrl = inject("redisUrl");
    await loadScripts(redisUrl);
    front = await startRestFront({ redisUrl });
    direct = await openDirectConnection(redisUrl);
  });
  afterAll(async () => {
    direct?.close();
    await front?.stop();
  });
  return () => {
    if (front === undefined || direct === undefined) throw new Error("used before beforeAll");
    return { front, direct };
  };
}
