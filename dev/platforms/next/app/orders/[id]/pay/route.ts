import { after } from "next/server";
import { requestContext } from "leasehold/vercel";
import { locks, refuse } from "@/lib/locks";

type Params = { params: Promise<{ id: string }> };

export async function POST(_: Request, { params }: Params): Promise<Response> {
  const { id } = await params;
  const pay = async (fence: number | undefined) => Response.json({ paid: id, fence });
  const once = { retry: { maxRetries: 0 } };
  return locks
    .forRequest(requestContext({ after }))
    .withLock(`pay:${id}`, (lock) => pay(lock.fence), once)
    .catch(refuse);
}
