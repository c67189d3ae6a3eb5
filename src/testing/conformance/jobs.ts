import { jobOperations } from "../../database/operations.ts";
import { define, type Definition } from "./definition.ts";
import { REMEMBER_MS, Run } from "./job.ts";
import { same } from "./verify.ts";

const GONE = { status: "gone" };

/** O1, O2: a job that has completed is not run again, and only who holds its lock completes it. */
export const jobs: readonly Definition[] = [
  define("O1 a job that completed is answered with its result", ["results"], async (scene) => {
    const [first, second] = [new Run(scene), new Run(scene)];
    await first.isAdmitted();
    await first.completes();
    await second.finds(first);
    await scene.holderIs("once:job", null);
    same(await jobOperations(scene.database).recall("job"), first.record, "what is recalled");
  }),

  define("O1 a job that is running is not admitted again", ["results"], async (scene) => {
    const [first, second] = [new Run(scene), new Run(scene)];
    await first.isAdmitted();
    same((await second.admit()).status, "held", "admission");
    await first.completes();
  }),

  define("O1 an admission delivered twice is one run", ["results"], async (scene) => {
    const run = new Run(scene);
    await run.isAdmitted();
    const { fence } = run.owner;
    await run.isAdmitted();
    same(run.owner.fence, fence, "the fence");
    await run.completes();
  }),

  define(
    "O1 an admission that arrives after its completion creates nothing",
    ["results"],
    async (scene) => {
      const run = new Run(scene);
      await run.isAdmitted();
      await run.completes();
      await run.finds(run);
      await scene.holderIs("once:job", null);
    },
  ),

  define(
    "O1 an admission that found a completion creates nothing once that is forgotten",
    ["results"],
    async (scene) => {
      const [first, second] = [new Run(scene), new Run(scene)];
      await first.isAdmitted();
      await first.completes();
      await second.finds(first);
      const { database } = scene;
      same(await jobOperations(database).forget("job", first.owner.ownerHash), true, "forget");
      same(await second.admit(), GONE, "a late admission");
      same(await first.admit(), GONE, "a late admission");
      await new Run(scene).isAdmitted();
    },
  ),

  define(
    "O2 a completion stores the result, frees the lock, and leaves a tombstone",
    ["results", "storage"],
    async (scene) => {
      const run = new Run(scene);
      await run.isAdmitted();
      await run.completes();
      await scene.absent(run.owner.lock, run.owner.proc);
      await scene.left([run.done], REMEMBER_MS - 60_000, REMEMBER_MS);
      same(await scene.storage.read(run.owner.gone), "released", "the tombstone");
      same(await scene.storage.read(run.done), JSON.stringify(run.record), "what is remembered");
    },
  ),

  define("O2 a completion sent twice succeeds twice", ["results"], async (scene) => {
    const run = new Run(scene);
    await run.isAdmitted();
    await run.completes();
    await run.completes();
    await new Run(scene).finds(run);
  }),

  define(
    "O2 a completion sent again when its tombstone has expired finds what it stored",
    ["results", "storage"],
    async (scene) => {
      const run = new Run(scene);
      await run.isAdmitted();
      await run.completes();
      await scene.storage.remove(run.owner.gone);
      await run.completes();
    },
  ),

  define(
    "O2 a completion sent again when all is forgotten says that it cannot know",
    ["results", "storage"],
    async (scene) => {
      const run = new Run(scene);
      await run.isAdmitted();
      await run.completes();
      await scene.storage.remove(run.done);
      await run.completes("unknown");
      await scene.absent(run.done);
    },
  ),

  define(
    "O2 a completion sent again succeeds, though a late copy of its admission came and all is forgotten",
    ["results", "storage"],
    async (scene) => {
      const run = new Run(scene);
      await run.isAdmitted();
      await run.completes();
      await run.finds(run);
      await scene.storage.remove(run.done);
      await run.completes("unknown");
    },
  ),

  define(
    "O2 a run whose lock has expired cannot complete",
    ["results", "storage"],
    async (scene) => {
      const run = new Run(scene);
      await run.isAdmitted();
      await scene.storage.remove(run.owner.lock);
      await run.isRefused("missing");
      await scene.absent(run.done);
      await new Run(scene).isAdmitted();
    },
  ),

  define(
    "O2 a run whose liveness has expired cannot complete, nor stand in the way",
    ["results", "storage"],
    async (scene) => {
      const run = new Run(scene);
      await run.isAdmitted();
      await scene.storage.remove(run.owner.proc);
      await run.isRefused("missing");
      await run.isRefused("missing");
      await scene.absent(run.done);
      await new Run(scene).isAdmitted();
    },
  ),

  define(
    "O2 a stale run cannot complete, overwrite or end its successor's",
    ["results", "storage"],
    async (scene) => {
      const [stale, successor] = [new Run(scene), new Run(scene)];
      await stale.isAdmitted();
      await scene.storage.remove(stale.owner.lock);
      await successor.isAdmitted();
      await stale.isRefused("held");
      await scene.absent(stale.done);
      await successor.completes();
      await stale.isRefused("missing");
      await new Run(scene).finds(successor);
    },
  ),

  define("O2 a completion under another fence is refused", ["results", "fences"], async (scene) => {
    const run = new Run(scene);
    await run.isAdmitted();
    run.owner.fence = (run.owner.fence ?? 0) + 1;
    await run.isRefused("missing");
    same(await jobOperations(scene.database).recall("job"), null, "what is recalled");
  }),

  define(
    "O2 a completion is remembered for as long as its admission may be delivered late",
    ["results", "storage"],
    async (scene) => {
      const run = new Run(scene);
      await run.isAdmitted();
      await run.completes("result", 1);
      await scene.left([run.done], 5_000, REMEMBER_MS);
    },
  ),
];
