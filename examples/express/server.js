import express from "express";
import { isHeldByAnother, LockService } from "leasehold";
import { upstash } from "leasehold/upstash";

const locks = new LockService({ database: upstash() });
const app = express();

app.post("/orders/:id/pay", async (request, response) => {
  const { id } = request.params;
  const pay = async (lock) => ({ paid: id, fence: lock.fence });
  // Answered after the release: the client's next request finds the lock free.
  response.json(await locks.withLock(`pay:${id}`, pay, { retry: { maxRetries: 0 } }));
});

app.post("/orders/:id/ship", async (request, response) => {
  const { id } = request.params;
  const ship = async () => ({ shipped: id });
  response.json(await locks.withLock(`ship:${id}`, ship, { waitTimeout: 10_000 }));
});

app.use((error, _request, response, next) => {
  if (!isHeldByAnother(error)) return next(error);
  const seconds = Math.max(1, Math.ceil((error.remainingMs ?? 0) / 1000));
  response.status(409).set("Retry-After", String(seconds)).end();
});

const server = app.listen(0, "127.0.0.1", () => {
  console.log(`Listening on ${server.address().port}`);
});
