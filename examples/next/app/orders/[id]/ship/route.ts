import { locks } from "@/lib/locks";

type Params = { params: Promise<{ id: string }> };

export async function POST(_: Request, { params }: Params): Promise<Response> {
  const { id } = await params;
  const ship = async () => Response.json({ shipped: id });
  return locks.withLock(`ship:${id}`, ship, { waitTimeout: 10_000 });
}
