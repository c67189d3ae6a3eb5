import { describeGuard } from "../http/guard-suite.ts";
import { workerdClients } from "./http-clients.ts";

describeGuard(workerdClients());
