import { findRedis } from "../../dev/redis/binary.ts";

/** For tests that stop and restart Redis: never somebody's own server, whatever the environment says. */
export const env: NodeJS.ProcessEnv = { ...process.env, REDIS_URL: "" };

/** True where REDIS_URL stands in for a server that cannot be had here; tests that need their own are then skipped. */
export const onlyBorrowedRedis: boolean =
  (process.env["REDIS_URL"] ?? "") !== "" &&
  (await findRedis({ env }).then(
    () => false,
    () => true,
  ));
