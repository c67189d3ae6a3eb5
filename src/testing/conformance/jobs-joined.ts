import { jobOperations } from "../../database/operations.ts";
import { define, type Definition } from "./definition.ts";
import { Run } from "./job.ts";
import { has, same } from "./verify.ts";

/** O5, O6: what a joiner finds at its next look, and what tells the inputs of two calls apart. */
export const jobsJoined: readonly Definition[] = [
  define("O5 a joiner whose run was refused finds the result", ["results"], async (scene) => {
    const first = new Run(scene);
    await first.isAdmitted();
    const looks = [new Run(scene), new Run(scene)];
    for (const look of looks) same((await look.admit()).status, "held", "a look");
    await first.completes();
    await new Run(scene).finds(first);
    // The looks, delivered again.
    for (const look of looks) await look.finds(first);
    await scene.holderIs("once:job", null);
  }),

  define(
    "O5 when a run fails one joiner runs, and the others find what that one returned",
    ["results"],
    async (scene) => {
      const first = new Run(scene);
      await first.isAdmitted();
      const look = new Run(scene);
      same((await look.admit()).status, "held", "a look");
      await first.owner.releases("released");
      const [second, third] = [new Run(scene), new Run(scene)];
      await second.isAdmitted();
      same((await third.admit()).status, "held", "another joiner's look");
      await second.completes();
      await new Run(scene).finds(second);
    },
  ),

  define(
    "O5 a joiner's look that is delivered when the run has failed creates nothing",
    ["results", "tombstones"],
    async (scene) => {
      const [first, look] = [new Run(scene), new Run(scene)];
      await first.isAdmitted();
      same((await look.admit()).status, "held", "a look");
      await first.owner.releases("released");
      same(await look.admit(), { status: "gone" }, "the same look");
      await scene.holderIs("once:job", null);
    },
  ),

  define(
    "O6 who finds a job running is shown what its input was, renewed or not",
    ["results"],
    async (scene) => {
      const first = new Run(scene, "job", "input one");
      await first.isAdmitted();
      const shown = { status: "held", lockData: { fingerprint: "input one" } };
      const look = async (): Promise<unknown> => {
        const outcome = await new Run(scene, "job", "input two").admit();
        const lockData = "lockData" in outcome ? outcome.lockData : null;
        return { status: outcome.status, lockData: { fingerprint: lockData?.fingerprint } };
      };
      same(await look(), shown, "what a look shows");
      await first.owner.renews();
      same(await look(), shown, "what a look shows after a renewal");
      await first.completes();
    },
  ),

  define("O6 what is remembered of a job says what its input was", ["results"], async (scene) => {
    const first = new Run(scene, "job", "input one");
    await first.isAdmitted();
    await first.completes();
    has(first.record, { fingerprint: "input one" }, "the record");
    await new Run(scene, "job", "input two").finds(first);
    same(await jobOperations(scene.database).recall("job"), first.record, "what is recalled");
  }),
];
