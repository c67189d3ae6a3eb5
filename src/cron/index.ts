export {
  runCoordinator,
  type RunCoordinator,
  type RunCoordinatorOptions,
} from "./run-coordinator.ts";
export type { HandlerLocks } from "../lock-source.ts";
