import type * as app from "./app.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      readonly UPSTASH_REDIS_REST_URL: string;
      readonly UPSTASH_REDIS_REST_TOKEN: string;
      readonly ADMIN_TOKEN: string;
    }
    /** Types `exports.default` of cloudflare:workers. */
    interface GlobalProps {
      mainModule: typeof app;
    }
  }
}
