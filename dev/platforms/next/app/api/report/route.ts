import { scheduledOnce } from "leasehold/vercel";
import { locks } from "@/lib/locks";

const report = scheduledOnce(locks, { name: "report", period: 86_400_000 }, (_, lock) =>
  Response.json({ fence: lock.fence }),
);

/** A cron job of vercel.json. */
export async function GET(request: Request): Promise<Response> {
  const isVercel = request.headers.get("authorization") === `Bearer ${process.env.CRON_SECRET}`;
  return isVercel ? report(request) : new Response("Unauthorized", { status: 401 });
}
