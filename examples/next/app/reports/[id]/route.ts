import { after } from "next/server";
import { locks } from "@/lib/locks";

type Params = { params: Promise<{ id: string }> };

/** Responds first and works then, under a lock that `after` releases. */
export async function POST(_: Request, { params }: Params): Promise<Response> {
  const { id } = await params;
  const lock = await locks.tryAcquire(`report:${id}`, { ttl: 10_000 });
  if (lock === null) return new Response(null, { status: 409 });
  after(async () => {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    lock.assertHeld();
    await lock.release();
  });
  return Response.json({ started: id }, { status: 202 });
}
