// Acquires a lock, renewed for as long as the process lives, and forgets it: the process must end.
import { LockService } from "leasehold";
import { upstash } from "leasehold/upstash";

const locks = new LockService({ database: upstash() });
const lock = await locks.acquire("forgotten", { ttl: 3_000 });
console.log(`holds ${lock.key}`);
