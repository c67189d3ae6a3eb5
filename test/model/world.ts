import type { Database } from "../../src/database/database.ts";
import { RedisDatabase } from "../../src/redis/redis-database.ts";
import { MemoryDatabase, type MemoryStore } from "../../src/testing/index.ts";
import { RestClient } from "../../src/upstash/rest-client.ts";
import { Beliefs } from "./beliefs.ts";
import { Client } from "./client.ts";
import { Chance } from "./chance.ts";
import { lookBefore, type Before, type Command, type Names } from "./evidence.ts";
import { Laws } from "./laws.ts";
import { Ledger, Violation, type Token } from "./ledger.ts";
import { Memories } from "./memories.ts";
import { NetworkDatabase, type Backend, type Wait } from "./network.ts";
import { GRACE_MS, jobLock, type FaultKind, type Plan } from "./plan.ts";
import type { RedisTwin } from "./redis-twin.ts";
import { openFront, type SimulatedFront } from "./rest-front.ts";
import { noteSend, type Send, type SendWorld } from "./sends.ts";
import { SimulatedStore } from "./simulated-store.ts";
import { StoreView } from "./store-view.ts";
import { TrueTime } from "./true-time.ts";
import { Wire, type WireWorld } from "./wire.ts";

export interface PlayOptions {
  /** Logs every step. @default false */
  readonly isLogged?: boolean;
  /** Creates the store's twin in real Redis. */
  readonly twin?: (store: MemoryStore) => RedisTwin;
}

/** A client and its connection to the store. */
export interface Station {
  readonly client: Client;
  readonly wire: Wire;
  readonly database: Database;
  /** What it sends its requests to, if it does so over HTTP. */
  readonly front?: SimulatedFront;
}

/** One store, its clients, and the ground truth about them. */
export class World implements WireWorld, SendWorld {
  readonly plan: Plan;
  readonly time = new TrueTime();
  readonly store: SimulatedStore;
  readonly view: StoreView;
  readonly ledger: Ledger;
  readonly memories: Memories;
  readonly laws: Laws;
  readonly beliefs: Beliefs;
  readonly stations: ReadonlyMap<number, Station>;
  readonly hits = new Map<FaultKind, number>();
  readonly log: string[] | undefined;
  violation: Violation | undefined;
  storeDownUntil = -1;
  /** How far the clock of the store's server was set forward, and how far back. */
  readonly serverSteps = { forward: 0, back: 0 };
  readonly #twin: RedisTwin | undefined;
  readonly #names: Names;

  constructor(plan: Plan, { isLogged = false, twin }: PlayOptions) {
    this.plan = plan;
    this.log = isLogged ? [] : undefined;
    const now = (): number => this.time.now;
    const serverNow = (): number =>
      this.time.now + this.serverSteps.forward - this.serverSteps.back;
    const runtime = {
      now: () => ({ wall: serverNow(), monotonic: serverNow() }),
      sleep: () => Promise.reject(new Error("the store does not sleep")),
      random: () => 0,
      randomId: () => "",
    };
    this.store = new SimulatedStore(runtime, new Chance(plan.seed, "store").happens(0.5));
    this.#twin = twin?.(this.store);
    this.view = new StoreView(this.store);
    this.ledger = new Ledger(now);
    this.memories = new Memories(now);
    this.laws = new Laws(this.view, this.ledger, this.memories, now);
    this.#names = { locks: [...plan.keys, ...plan.keys.map(jobLock)], jobs: plan.keys };
    this.beliefs = new Beliefs(this.view, this.ledger, now);
    this.stations = new Map(plan.clients.map((client) => [client.id, this.#station(client)]));
  }

  readonly isStoreUp = (): boolean => this.storeDownUntil <= this.time.now;

  readonly hit = (kind: FaultKind): void => {
    this.hits.set(kind, (this.hits.get(kind) ?? 0) + 1);
  };

  readonly note = (text: () => string): void => {
    this.log?.push(`${this.time.now.toFixed(1).padStart(8)}  ${text()}`);
  };

  /** Records the first violation. */
  readonly broken = (thrown: unknown): void => {
    if (this.violation !== undefined) return;
    const message = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    this.violation = thrown instanceof Violation ? thrown : new Violation(message);
    this.note(() => `VIOLATION ${this.violation?.message}`);
  };

  check(look: () => void): void {
    try {
      look();
    } catch (thrown) {
      this.broken(thrown);
    }
  }

  /** Checks everything that must hold at every moment. */
  readonly look = (): void => {
    this.check(() => {
      this.beliefs.look();
      this.beliefs.lookForOrphans(this.#names.locks);
    });
  };

  readonly sent = (client: Client, command: Command, wait: Wait): Send =>
    noteSend(this, client, command, wait);

  readonly apply = <T>(client: Client, command: Command, apply: () => Promise<T>): Promise<T> => {
    const applied = this.#apply(client, command, apply);
    if (this.#twin !== undefined) this.time.standStill(applied);
    return applied;
  };

  readonly #apply = async <T>(
    client: Client,
    command: Command,
    apply: () => Promise<T>,
  ): Promise<T> => {
    const before = lookBefore(this.view, command, this.#names);
    if (before.isFull) this.hit("full");
    this.store.beginCommand();
    if (!this.store.has("fence")) this.ledger.counterLost = true;
    try {
      const outcome = await apply();
      this.#judge(client, command, before, outcome);
      return outcome;
    } catch (thrown) {
      if (thrown instanceof Violation) this.broken(thrown);
      else this.#judge(client, command, before, undefined);
      throw thrown;
    }
  };

  #judge(client: Client, command: Command, before: Before, outcome: unknown): void {
    if (command.operation === "forceDelete" && outcome === true) this.hit("forceRelease");
    if (command.operation === "forget" && outcome === true) this.hit("forget");
    this.check(() => this.laws.judge(client, command, before, outcome));
  }

  close(): void {
    for (const { front } of this.stations.values()) front?.close();
  }

  /** The store loses data; its holders notice when they check. */
  lose(names: readonly string[]): void {
    for (const name of names) {
      this.store.delete(name);
      if (name.startsWith("done:")) this.memories.forget(name.slice("done:".length));
      for (const token of this.ledger.tokens.values()) {
        if (name === `gone:${token.ownerHash}`) token.tombstoneLost = true;
      }
    }
  }

  /** Before anything is lost: holders of those records may believe for a while that they still hold them. */
  excuse(isConcerned: (token: Token) => boolean): void {
    for (const token of this.ledger.tokens.values()) {
      if (isConcerned(token)) this.ledger.lost(token);
    }
  }

  /** What `upstash()` makes. Scripts are sent whole: hashes are made outside of simulated time. */
  #overHttp(backend: Backend, wire: Wire, client: Client): Station {
    const front = openFront(backend, wire.carry);
    const transport = new RestClient(() => ({ url: front.url, token: "token" }));
    const { requestTimeout } = backend;
    const database = new RedisDatabase(
      { eval: (...call) => transport.eval(...call) },
      { prefix: "", gracePeriod: GRACE_MS, requestTimeout, runtime: client.runtime },
    );
    return { client, wire, database, front };
  }

  #station(plan: Plan["clients"][number]): Station {
    const client = new Client(plan, this.plan.seed, this.time);
    const wire = new Wire(this, client);
    const { requestTimeout } = this.plan;
    const options = { store: this.store, runtime: client.runtime, requestTimeout };
    const memory = new MemoryDatabase({ ...options, gracePeriod: GRACE_MS });
    const backend = this.#twin?.backend(memory, client.runtime) ?? memory;
    if (plan.overHttp) return this.#overHttp(backend, wire, client);
    const database = new NetworkDatabase(backend, wire.carry, client.runtime);
    return { client, wire, database };
  }
}
