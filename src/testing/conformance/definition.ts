import type { Database } from "../../database/database.ts";
import type { RawStorage } from "./raw-storage.ts";
import type { Scene } from "./scene.ts";

/** A database to be put to the test. Its storage is empty, and nobody else's. */
export interface ConformanceBackend {
  readonly database: Database;
  /** Lets a case force expiry, look, and put something malformed there. */
  readonly storage?: RawStorage | undefined;
  /** Lets time pass for the storage. @default waits */
  readonly pass?: ((ms: number) => Promise<void>) | undefined;
  /** Makes the storage refuse whatever needs room, and ends that. */
  readonly setFull?: ((isFull: boolean) => Promise<void>) | undefined;
  /** Runs after the case, however it ended: removes what is left. */
  readonly close?: (() => Promise<void>) | undefined;
}

/** What a case asks of a backend beyond the primitives. */
export type Need =
  | "fences"
  | "remainingMs"
  | "severalKeys"
  | "tombstones"
  | "results"
  | "handOff"
  | "list"
  | "storage"
  | "noText"
  | "full";

/** How a case is written down. */
export interface Definition {
  readonly name: string;
  readonly needs: readonly Need[];
  readonly check: (scene: Scene) => Promise<void>;
}

export function define(
  name: string,
  needs: readonly Need[],
  check: (scene: Scene) => Promise<void>,
): Definition {
  return { name, needs, check };
}

interface Requirement {
  readonly isMet: (backend: ConformanceBackend) => boolean;
  /** Why a case is skipped. */
  readonly lack: string;
}

export const NEEDS: Readonly<Record<Need, Requirement>> = {
  fences: {
    isMet: ({ database }) => database.capabilities.fences,
    lack: "this database draws no fences (capabilities.fences)",
  },
  remainingMs: {
    isMet: ({ database }) => database.capabilities.remainingMs,
    lack: "this database does not tell how long a lock has left (capabilities.remainingMs)",
  },
  severalKeys: {
    isMet: ({ database }) => database.capabilities.severalKeys,
    lack: "this database cannot lock several keys at once (capabilities.severalKeys)",
  },
  tombstones: {
    isMet: ({ database }) => database.capabilities.tombstones,
    lack: "this database does not remember ended owners (capabilities.tombstones)",
  },
  results: {
    isMet: ({ database }) => database.capabilities.results,
    lack: "this database remembers no results (capabilities.results)",
  },
  handOff: {
    isMet: ({ database }) => database.capabilities.handOff,
    lack: "this database hands no lock off (capabilities.handOff)",
  },
  list: {
    isMet: ({ database }) => database.list !== undefined,
    lack: "this database cannot list its locks (it has no method list)",
  },
  storage: {
    isMet: ({ storage }) => storage !== undefined,
    lack: "the backend under test gives no access to its storage",
  },
  noText: {
    isMet: ({ storage }) => storage?.writeNoText !== undefined,
    lack: "the storage of the backend under test holds nothing but text",
  },
  full: {
    isMet: ({ setFull }) => setFull !== undefined,
    lack: "the backend under test cannot be filled up",
  },
};
