import type { Database } from "../../database/database.ts";
import { formatOwnerHash, type LockData } from "../../database/lock-record.ts";
import type {
  AcquireOutcome,
  Claim,
  HandedOff,
  ReleaseOutcome,
  RenewOutcome,
  Suspect,
} from "../../database/operations.ts";
import { systemRuntime } from "../../runtime.ts";
import type { RawStorage, StoredName } from "./raw-storage.ts";
import { between, has, same } from "./verify.ts";

/** Asked for where a case names no time: far beyond its own length. */
export const TTL_MS = 30_000;

/** A backend under test, and what a case does with it. */
export class Scene {
  readonly database: Database;
  /** Lets time pass. */
  readonly pass: (ms: number) => Promise<void>;
  readonly setFull: (isFull: boolean) => Promise<void>;
  readonly #storage: RawStorage | undefined;

  constructor(options: {
    readonly database: Database;
    readonly storage?: RawStorage | undefined;
    readonly pass: (ms: number) => Promise<void>;
    readonly setFull: (isFull: boolean) => Promise<void>;
  }) {
    this.database = options.database;
    this.pass = options.pass;
    this.setFull = options.setFull;
    this.#storage = options.storage;
  }

  /** Only for cases that need it. */
  get storage(): RawStorage {
    if (this.#storage === undefined) throw new Error("a case without need of storage used it");
    return this.#storage;
  }

  /** One acquisition to be, with a process of its own. */
  owner(keys: string | readonly [string, ...string[]] = "key", options: OwnerOptions = {}): Owner {
    return new Owner(this, typeof keys === "string" ? [keys] : keys, options);
  }

  /** Fails unless the holder of `key` is (null: nobody) this one. */
  async holderIs(key: string, owner: Owner | null): Promise<void> {
    const holder = (await this.database.readLockData(key))?.ownerHash ?? null;
    same(holder, owner?.ownerHashOf(key) ?? null, `the holder of "${key}"`);
  }

  /** Fails unless there are `min` to `max` ms left at each name. */
  async left(names: readonly StoredName[], min: number, max: number): Promise<void> {
    for (const name of names) {
      between(await this.storage.remainingMs(name), min, max, `the time left of ${name}`);
    }
  }

  /** Fails unless nothing is at the names. */
  async absent(...names: readonly StoredName[]): Promise<void> {
    for (const name of names) same(await this.storage.read(name), null, `what is at ${name}`);
  }

  /** Fails if `work` changes what is stored at a name. */
  async unchanged(name: StoredName, work: () => Promise<void>): Promise<void> {
    const before = await this.storage.read(name);
    await work();
    same(await this.storage.read(name), before, `what is at ${name}`);
  }

  /** A holder whose process is dead, while its lock has long to live. */
  async deadOwner(keys: string | readonly [string, ...string[]] = "key"): Promise<Owner> {
    const owner = this.owner(keys);
    if (this.#storage === undefined) {
      await owner.acquires({ livenessMs: 200 });
      await this.pass(400);
    } else {
      await owner.acquires();
      await this.#storage.remove(owner.proc);
    }
    return owner;
  }
}

export interface OwnerOptions {
  readonly trace?: string;
  /** What the record says; null leaves it out, as distributed-locker does. */
  readonly livenessMs?: number | null;
  /** Of a job's input. */
  readonly fingerprint?: string;
}

interface Asked {
  readonly ttlMs?: number;
  readonly livenessMs?: number;
}

/** Whom it may take the lock from. */
interface Predecessors {
  readonly suspects?: readonly Suspect[];
  readonly handedOff?: readonly HandedOff[];
}

/** One acquisition: what it asks as the lock service would, and the names of what it stores. */
export class Owner {
  readonly claims: readonly [Claim, ...Claim[]];
  readonly processHash: string;
  /** Set by a successful acquire. */
  fence: number | undefined;
  readonly #scene: Scene;

  constructor(scene: Scene, keys: readonly [string, ...string[]], options: OwnerOptions) {
    const { trace, livenessMs = TTL_MS, fingerprint } = options;
    const extra = {
      ...(livenessMs === null ? {} : { livenessMs }),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    };
    const processHash = `conformance/${systemRuntime.randomId()}`;
    const claim = (key: string): Claim => {
      const ownerHash = formatOwnerHash(key, processHash, trace);
      const lockData = scene.database.createLockData({ ownerHash, processHash, trace });
      return { key, lockData: { ...lockData, ...extra } };
    };
    const [first, ...rest] = keys;
    this.#scene = scene;
    this.processHash = processHash;
    this.claims = [claim(first), ...rest.map(claim)];
  }

  get lockData(): LockData {
    return this.claims[0].lockData;
  }

  get ownerHash(): string {
    return this.lockData.ownerHash;
  }

  ownerHashOf(key: string): string | undefined {
    return this.claims.find((claim) => claim.key === key)?.lockData.ownerHash;
  }

  get lock(): StoredName {
    return `lock:${this.claims[0].key}`;
  }

  get proc(): StoredName {
    return `proc:${this.processHash}`;
  }

  get gone(): StoredName {
    return `gone:${this.ownerHash}`;
  }

  /** This owner as somebody who may be dead. */
  get suspects(): Suspect[] {
    return this.claims.map(({ key, lockData: { ownerHash, processHash } }) => ({
      key,
      ownerHash,
      processHash,
    }));
  }

  /** This owner as one that hands its lock off. */
  get handedOff(): HandedOff[] {
    return this.suspects.map((suspect) => ({ ...suspect, fence: this.fence ?? 0 }));
  }

  async acquire(options: Asked & Predecessors = {}): Promise<AcquireOutcome> {
    const { ttlMs = TTL_MS, livenessMs = ttlMs, suspects = [], handedOff } = options;
    const request = { claims: this.claims, ttlMs, livenessMs, suspects, handedOff };
    const outcome = await this.#scene.database.acquire(request);
    if (outcome.status === "granted") this.fence = outcome.fence;
    return outcome;
  }

  /** Fails unless it gets the lock. */
  async acquires(options: Asked & Predecessors = {}): Promise<void> {
    same((await this.acquire(options)).status, "granted", `acquire of ${this.lock}`);
  }

  /** Renews every claim; under `fence`, if another than its own is named (null: none). */
  renew(
    options: Asked & { readonly fence?: number | null } = {},
  ): Promise<readonly RenewOutcome[]> {
    const { ttlMs = TTL_MS, livenessMs = ttlMs } = options;
    const fence = options.fence === undefined ? this.fence : options.fence;
    return this.#scene.database.renew(
      this.claims.map(({ key, lockData }) => ({
        key,
        lockData: typeof fence === "number" ? { ...lockData, fence } : lockData,
        ttlMs,
        livenessMs,
      })),
    );
  }

  /** Fails unless every claim is renewed. */
  async renews(options: Asked = {}): Promise<void> {
    same(
      await this.renew(options),
      this.claims.map(() => "renewed"),
      `renewal of ${this.lock}`,
    );
  }

  /** Fails unless no claim is renewed. */
  async isLost(options: Asked & { readonly fence?: number | null } = {}): Promise<void> {
    same(
      await this.renew(options),
      this.claims.map(() => "lost"),
      `renewal of ${this.lock}`,
    );
  }

  release(fence: number | undefined = this.fence): Promise<ReleaseOutcome> {
    return this.#scene.database.release({ claims: this.claims, fence });
  }

  /** Fails unless the release ends so. */
  async releases(status: ReleaseOutcome["status"], lockData?: LockData | null): Promise<void> {
    const outcome = await this.release();
    const expected = lockData === undefined ? outcome.lockData : lockData;
    has(outcome, { status, lockData: expected }, `release of ${this.lock}`);
    if (status !== "held") same(outcome.lockData, null, "the record shown");
  }
}
