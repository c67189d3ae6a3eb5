import type { Mail } from "./mails.ts";

/** UPSTASH_REDIS_REST_URL and _TOKEN; the queue; and ADMIN_TOKEN, without which nobody can access /locks. */
export interface Bindings {
  readonly UPSTASH_REDIS_REST_URL: string;
  readonly UPSTASH_REDIS_REST_TOKEN: string;
  readonly MAILS: { sendBatch(messages: Iterable<{ readonly body: Mail }>): Promise<unknown> };
  readonly ADMIN_TOKEN?: string;
}
