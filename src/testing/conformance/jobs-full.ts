import { jobOperations } from "../../database/operations.ts";
import { define, type Definition } from "./definition.ts";
import { Run, admitAll } from "./job.ts";
import { whileFull } from "./expiry-first.ts";
import type { Scene } from "./scene.ts";
import { has, same } from "./verify.ts";

/** O4: a result that cannot be kept wedges nothing, and what is told of it is true. */
export const jobsFull: readonly Definition[] = [
  define(
    "O4 a completion on a full database frees the job, and says what became of the result",
    ["full", "results", "storage"],
    async (scene) => {
      const run = new Run(scene, "job", "input");
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
    "O7 of jobs completed together on a full database each is told what is kept of it",
    ["full", "results", "storage"],
    async (scene) => {
      const runs = ["one", "lost", "two", "three"].map((key) => new Run(scene, key));
      await admitAll(scene, runs);
      await scene.storage.remove("lock:once:lost");
      await whileFull(scene, async () => {
        const requests = runs.map((run) => run.request());
        const outcomes = await jobOperations(scene.database).complete(requests);
        for (const [at, run] of runs.entries()) {
          const outcome = outcomes[at];
          const kept = outcome !== undefined && "kept" in outcome ? outcome.kept : outcome?.status;
          // Redis has room for those that come after one that has freed something.
          same(kept, await keptOf(scene, run), `what is told of ${run.done}`);
          await scene.absent(run.owner.lock, run.owner.proc);
        }
      });
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

/** What a completion has to say of a run; "missing" of one whose lock had been lost. */
async function keptOf({ storage }: Scene, { done, record, owner }: Run): Promise<string> {
  const { result: _, ...marker } = record;
  const text = await storage.read(done);
  if (text === JSON.stringify(record)) return "result";
  if (text === JSON.stringify(marker)) return "marker";
  return owner.lock === "lock:once:lost" ? "missing" : "no";
}
