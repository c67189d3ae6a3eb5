import { define, type Definition } from "./definition.ts";
import { Run } from "./job.ts";
import { whileFull } from "./expiry-first.ts";
import { has, same } from "./verify.ts";

/** O4: a result that cannot be kept wedges nothing, and what is told of it is true. */
export const jobsFull: readonly Definition[] = [
  define(
    "O4 a completion on a full database frees the job, and says what became of the result",
    ["full", "results", "storage"],
    async (scene) => {
      const run = new Run(scene);
      await run.isAdmitted();
      await whileFull(scene, async () => {
        const outcome = await run.complete();
        has(outcome, { status: "released" }, "completion");
        // Redis lets a script that has freed something write; other storage may not.
        const { result: _, ...marker } = run.record;
        const isMarked = "kept" in outcome && outcome.kept === "marker";
        if (!isMarked) has(outcome, { kept: "no" }, "completion");
        same(
          await scene.storage.read(run.done),
          isMarked ? JSON.stringify(marker) : null,
          "what is remembered",
        );
      });
      await scene.absent(run.owner.lock, run.owner.proc);
    },
  ),

  define(
    "O4 a job is not admitted on a full database",
    ["full", "results", "storage"],
    async (scene) => {
      const run = new Run(scene);
      await whileFull(scene, async () => same((await run.admit()).status, "failed", "admission"));
      await scene.absent(run.owner.lock);
    },
  ),

  define(
    "O4 a completed job is recognized on a full database",
    ["full", "results"],
    async (scene) => {
      const run = new Run(scene);
      await run.isAdmitted();
      await run.completes();
      await whileFull(scene, () => new Run(scene).finds(run));
    },
  ),
];
