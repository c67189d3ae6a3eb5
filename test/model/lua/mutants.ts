import { ACQUIRE_TOMBSTONES } from "./acquire-tombstones.ts";
import { FENCES } from "./fences.ts";
import { FULL } from "./full.ts";
import { GARBAGE } from "./garbage.ts";
import { HAND_OFF } from "./hand-off.ts";
import { IDENTITY } from "./identity.ts";
import { JOBS } from "./jobs.ts";
import type { LuaMutant } from "./mutant.ts";
import { NEVER_RESURRECT } from "./never-resurrect.ts";
import { NEVER_SHORTEN } from "./never-shorten.ts";
import { SEVERAL_KEYS } from "./several-keys.ts";
import { TAKEOVER } from "./takeover.ts";
import { TOMBSTONES } from "./tombstones.ts";

/**
 * The clauses of the rules R1 to R7, of O1 to O4 and O7, and of the hand-off, each removed from the
 * scripts. R8 to R12 are rules of the client and have nothing in Lua: they are in ../mutants.ts.
 */
export const LUA_MUTANTS: readonly LuaMutant[] = [
  ...NEVER_SHORTEN,
  ...NEVER_RESURRECT,
  ...IDENTITY,
  ...TOMBSTONES,
  ...ACQUIRE_TOMBSTONES,
  ...FULL,
  ...FENCES,
  ...GARBAGE,
  ...TAKEOVER,
  ...HAND_OFF,
  ...SEVERAL_KEYS,
  ...JOBS,
];
