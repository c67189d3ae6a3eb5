import { randomUUID } from "node:crypto";
import { controlClient } from "../../dev/rest/control-client.ts";
import type { RestFront } from "../../dev/rest/front.ts";

export interface OwnKeys {
  /** A unique key; the same name returns the same key. */
  readonly key: (name?: string) => string;
  readonly removeAll: (front: RestFront) => Promise<void>;
}

/** Keys for tests that may run against the user's own Redis: unique, and removed afterwards. */
export function ownKeys(): OwnKeys {
  const prefix = `leasehold-test:${randomUUID()}`;
  const made = new Set<string>();
  return {
    key(name = String(made.size)) {
      const key = `${prefix}:${name}`;
      made.add(key);
      return key;
    },
    async removeAll(front) {
      if (made.size > 0) {
        await controlClient(front.url, front.controlToken).command("DEL", ...made);
      }
    },
  };
}
