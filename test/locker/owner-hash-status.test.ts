import { expect, it } from "vitest";
import { OwnerHashStatus } from "../../src/index.ts";
import { take, useLockers } from "./lockers.ts";

const scenes = useLockers();

it("RUNNING: this very holder still holds the lock", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker, "a", "trace");
  expect(await scene.locker().readOwnerHashStatus(lockData.ownerHash)).toEqual({
    status: OwnerHashStatus.RUNNING,
    lockData,
    key: "a",
  });
  await locker.release("a", lockData);
});

it("SOMEONE_ELSE_HOLDS_LOCK: a successor holds the lock", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const before = await take(locker);
  await locker.release("a", before.lockData);
  const { lockData } = await take(locker);
  expect(await locker.readOwnerHashStatus(before.lockData.ownerHash)).toEqual({
    status: OwnerHashStatus.SOMEONE_ELSE_HOLDS_LOCK,
    lockData,
    key: "a",
  });
  await locker.release("a", lockData);
});

it("NO_KEY: the lock is free", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker);
  await locker.release("a", lockData);
  expect(await locker.readOwnerHashStatus(lockData.ownerHash)).toEqual({
    status: OwnerHashStatus.NO_KEY,
    lockData: null,
    key: "a",
  });
});

it("NO_RUNNING_PROCESS: the lock is stored, but its holder is dead", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker);
  await scene.stored().killHolder();
  expect(await locker.readOwnerHashStatus(lockData.ownerHash)).toEqual({
    status: OwnerHashStatus.NO_RUNNING_PROCESS,
    lockData,
    key: "a",
  });
  await locker.release("a", lockData);
});

it.each(["", "a", "a@host", "a@host/1.2", "@host/1.2.3", "a@host/x.2.3", "a@host/1.2.3x"])(
  "MALFORMED_OWNER_HASH: %o is not an owner hash, and nothing is sent",
  async (ownerHash) => {
    const scene = scenes.open();
    expect(await scene.locker().readOwnerHashStatus(ownerHash)).toEqual({
      status: OwnerHashStatus.MALFORMED_OWNER_HASH,
      lockData: null,
      key: null,
    });
    expect(scene.sent()).toBe(0);
  },
);

it.each(["user@example.com", "a/b@c", "a\nb", "x@host/1.2.3#y", "#", "ключ"])(
  "the key %o is parsed from its owner hash, with and without a trace",
  async (key) => {
    const scene = scenes.open();
    const locker = scene.locker();
    for (const trace of [undefined, "a trace/1.2.3#\n"]) {
      const { lockData } = await take(locker, key, trace);
      expect(await locker.readOwnerHashStatus(lockData.ownerHash)).toMatchObject({
        status: OwnerHashStatus.RUNNING,
        key,
      });
      await locker.release(key, lockData);
    }
  },
);
