import { describeIdempotency } from "./idempotency-suite.ts";
import { nodeClients } from "./node-client.ts";

describeIdempotency(nodeClients());
