import { jobOperations } from "../../database/operations.ts";
import { define, type Definition } from "./definition.ts";
import { Run, admitAll } from "./job.ts";
import { same } from "./verify.ts";

/** O3, O7: failed runs, forgotten jobs, jobs of one batch, and what is no record of a job. */
export const jobsTogether: readonly Definition[] = [
  define("O3 a run that failed is not remembered", ["results"], async (scene) => {
    const run = new Run(scene);
    await run.isAdmitted();
    await run.owner.releases("released");
    await new Run(scene).isAdmitted();
  }),

  define(
    "O3 a job is run again when its completion is no longer remembered",
    ["results", "storage"],
    async (scene) => {
      const [first, second] = [new Run(scene), new Run(scene)];
      await first.isAdmitted();
      await first.completes();
      await scene.storage.remove(first.done);
      await second.isAdmitted();
      await second.completes();
      await new Run(scene).finds(second);
    },
  ),

  define(
    "O3 forgetting one completion leaves a later one alone",
    ["results", "storage"],
    async (scene) => {
      const [first, second] = [new Run(scene), new Run(scene)];
      const jobOps = jobOperations(scene.database);
      await first.isAdmitted();
      await first.completes();
      same(await jobOps.forget("job", first.owner.ownerHash), true, "forget");
      same(await jobOps.forget("job", first.owner.ownerHash), false, "forget again");
      await second.isAdmitted();
      await second.completes();
      same(await jobOps.forget("job", first.owner.ownerHash), false, "a late forget");
      await new Run(scene).finds(second);
    },
  ),

  define(
    "O7 jobs admitted together are each admitted by itself",
    ["results", "storage"],
    async (scene) => {
      const [done, running] = [new Run(scene, "done"), new Run(scene, "running")];
      await done.isAdmitted();
      await done.completes();
      await running.isAdmitted();
      await scene.storage.write("done:garbage", "no record", null);
      const runs = ["free", "done", "garbage", "running", "other"].map(
        (key) => new Run(scene, key),
      );
      const outcomes = await admitAll(scene, runs);
      same(
        outcomes.map(({ status }) => status),
        ["granted", "remembered", "failed", "held", "granted"],
        "the outcomes",
      );
    },
  ),

  define(
    "O7 jobs completed together are each completed by itself",
    ["results", "storage"],
    async (scene) => {
      const runs = ["one", "lost", "two"].map((key) => new Run(scene, key));
      await admitAll(scene, runs);
      await scene.storage.remove("lock:once:lost");
      const requests = runs.map((run) => run.request());
      const outcomes = await jobOperations(scene.database).complete(requests);
      same(
        outcomes.map(({ status }) => status),
        ["released", "missing", "released"],
        "the outcomes",
      );
      await scene.absent("done:lost");
    },
  ),

  define(
    "R7 what is no result is never overwritten nor run past",
    ["results", "storage"],
    async (scene) => {
      const run = new Run(scene);
      for (const garbage of ["text", "{}", "[]", "null", '{"ownerHash":1}']) {
        await scene.storage.write(run.done, garbage, null);
        same((await run.admit()).status, "failed", `admission over ${garbage}`);
        await scene.absent(run.owner.lock);
        same(await scene.storage.read(run.done), garbage, "what is stored");
      }
      await scene.storage.write(run.done, "", null);
      await new Run(scene).isAdmitted();
    },
  ),

  define(
    "R7 what is no text at all is never overwritten nor run past",
    ["results", "storage", "noText"],
    async (scene) => {
      const run = new Run(scene);
      await scene.storage.writeNoText?.(run.done);
      same((await run.admit()).status, "failed", "admission");
      await scene.absent(run.owner.lock);
    },
  ),
];
