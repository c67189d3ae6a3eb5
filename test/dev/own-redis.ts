import { findRedis } from "../../dev/redis/binary.ts";

/** For tests that stop and restart Redis: never the user's own server, whatever the environment says. */
export const env: NodeJS.ProcessEnv = { ...process.env, REDIS_URL: "" };

/** True if REDIS_URL is set and no other server can be started here; tests that need their own are then skipped. */
export const onlyBorrowedRedis: boolean =
  (process.env["REDIS_URL"] ?? "") !== "" &&
  (await findRedis({ env }).then(
    () => false,
    () => true,
  ));
