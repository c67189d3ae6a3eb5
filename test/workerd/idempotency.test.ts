import { describeIdempotency } from "../http/idempotency-suite.ts";
import { workerdClients } from "./http-clients.ts";

describeIdempotency(workerdClients());
