import type { Mail } from "../../worker/mails.ts";
import type * as app from "./app.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      readonly UPSTASH_REDIS_REST_URL: string;
      readonly UPSTASH_REDIS_REST_TOKEN: string;
      readonly ADMIN_TOKEN: string;
      readonly MAILS: Queue<Mail>;
      readonly CHORES: Queue<app.Chore>;
    }
    /** Types `exports.default` of cloudflare:workers. */
    interface GlobalProps {
      mainModule: typeof app;
    }
  }
}
