import { systemRuntime } from "../../runtime.ts";
import { NEEDS, type ConformanceBackend, type Definition } from "./definition.ts";
import { expiry } from "./expiry.ts";
import { expiryFirst } from "./expiry-first.ts";
import { fences } from "./fences.ts";
import { garbage } from "./garbage.ts";
import { handOff } from "./hand-off.ts";
import { identity } from "./identity.ts";
import { inspection } from "./inspection.ts";
import { jobs } from "./jobs.ts";
import { jobsTogether } from "./jobs-together.ts";
import { jobsJoined } from "./jobs-joined.ts";
import { jobsFull } from "./jobs-full.ts";
import { listing } from "./listing.ts";
import { liveness } from "./liveness.ts";
import { neverResurrect } from "./never-resurrect.ts";
import { neverShorten } from "./never-shorten.ts";
import { primitives } from "./primitives.ts";
import { repeatedSends } from "./repeated-sends.ts";
import { Scene } from "./scene.ts";
import { severalKeys } from "./several-keys.ts";
import { takeover } from "./takeover.ts";
import { tombstones } from "./tombstones.ts";

/** `skipped`: what the backend lacks. */
export type ConformanceResult = "passed" | { readonly skipped: string };

/** One guarantee of the contract. */
export interface ConformanceCase {
  readonly name: string;
  /** Rejects, and says why, when the guarantee does not hold. */
  readonly run: () => Promise<ConformanceResult>;
}

/**
 * What every Database has to guarantee, as cases for any test runner. Each opens a backend of its
 * own; cases may run at the same time if backends may. Show what is skipped: it is what a backend
 * lacks.
 *
 * @example
 * for (const { name, run } of conformanceCases(async () => ({ database: new MyDatabase() }))) {
 *   it(name, async (context) => {
 *     const result = await run();
 *     if (result !== "passed") context.skip(result.skipped);
 *   });
 * }
 */
export function conformanceCases(
  backend: () => Promise<ConformanceBackend>,
): readonly ConformanceCase[] {
  return definitions().map((definition) => ({
    name: definition.name,
    run: () => runCase(definition, backend),
  }));
}

function definitions(): readonly Definition[] {
  return [
    ...primitives,
    ...expiry,
    ...liveness,
    ...takeover,
    ...handOff,
    ...repeatedSends,
    ...severalKeys,
    ...inspection,
    ...listing,
    ...neverShorten,
    ...neverResurrect,
    ...identity,
    ...tombstones,
    ...expiryFirst,
    ...fences,
    ...garbage,
    ...jobs,
    ...jobsJoined,
    ...jobsTogether,
    ...jobsFull,
  ];
}

async function runCase(
  { needs, check }: Definition,
  open: () => Promise<ConformanceBackend>,
): Promise<ConformanceResult> {
  const backend = await open();
  const { database, storage, pass = (ms) => systemRuntime.sleep(ms), setFull } = backend;
  try {
    const lacking = needs.find((need) => !NEEDS[need].isMet(backend));
    if (lacking !== undefined) return { skipped: NEEDS[lacking].lack };
    const fill = setFull ?? ((): Promise<void> => Promise.resolve());
    await check(new Scene({ database, storage, pass, setFull: fill }));
    return "passed";
  } finally {
    await backend.close?.();
  }
}
