import {
  useOriginals,
  type OriginalLocker,
  type OriginalOptions,
  type OriginalRecord,
} from "../support/original-locker.ts";
import { useLockers, type LockerScene } from "../locker/lockers.ts";

/** Our lockers and processes of distributed-locker, on one Redis and one prefix. */
export interface SharedScene {
  readonly scene: LockerScene;
  readonly original: (options?: Omit<OriginalOptions, "prefix">) => OriginalLocker;
}

export function useSharedRedis(): { readonly open: () => SharedScene } {
  const scenes = useLockers();
  const originals = useOriginals();
  return {
    open() {
      const scene = scenes.open();
      return {
        scene,
        original: (options) => originals.start({ ...options, prefix: scene.rest.prefix }),
      };
    },
  };
}

/** Lets an original acquire a key that must be free. */
export async function takeAsOriginal(
  original: OriginalLocker,
  key = "a",
  trace?: string,
): Promise<OriginalRecord> {
  const { status, lockData } = await original.acquire(key, trace);
  if (status !== "SUCCESS" || lockData === null) throw new Error(`"${key}" is held`);
  return lockData;
}
