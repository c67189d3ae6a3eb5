import { checkOptions } from "../check.ts";
import { jobOperations } from "../database/operations.ts";
import type { ResultRecord } from "../database/result-record.ts";
import { checkKey } from "../key.ts";
import type { ServiceSettings } from "../lock-options.ts";
import { sendTwice } from "../retry.ts";
import { JSON_CODEC, checkCodec, type Codec } from "./codec.ts";
import type { OnceOptions } from "./options.ts";
import { recalled, type Recalled } from "./once.ts";

/** How a remembered result is read. */
export type RecallOptions<T> = Pick<OnceOptions<T>, "codec">;

/** What is remembered of a job; null when nothing is. */
export async function recallJob<T>(
  settings: ServiceSettings,
  key: string,
  options: RecallOptions<T>,
): Promise<Recalled<T> | null> {
  checkOptions("recall", options, { codec: true });
  const { codec = JSON_CODEC as Codec<T> } = options;
  checkCodec(codec);
  const record = await recordOf(settings, key);
  return record === null ? null : recalled(key, record, codec);
}

/** Forgets what is remembered now, and no completion that comes meanwhile. */
export async function forgetJob(settings: ServiceSettings, key: string): Promise<boolean> {
  const record = await recordOf(settings, key);
  if (record === null) return false;
  const { database, keyPrefix } = settings;
  const jobs = jobOperations(database);
  await sendTwice(() => jobs.forget(keyPrefix + key, record.ownerHash));
  return true;
}

function recordOf(
  { database, keyPrefix }: ServiceSettings,
  key: string,
): Promise<ResultRecord | null> {
  const name = keyPrefix + checkKey(key);
  const jobs = jobOperations(database);
  return sendTwice(() => jobs.recall(name));
}
