/** One deliberate bug: a text in src that must be there exactly once, and what takes its place. */
export interface Mutant {
  readonly name: string;
  /** Under src/. What Redis does in Lua is changed here in the MemoryDatabase; in the Lua, in lua/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** A schedule that finds it: where the search begins. */
  readonly seed: number;
}

/** Each of the rules R1 to R12 removed, and eight bugs that lock libraries are known for. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "R1: a late renewal shortens the lock",
    file: "testing/memory-store.ts",
    find: "entry !== undefined && entry.expiresAt < expiresAt",
    replace: "entry !== undefined",
    seed: 2,
  },
  {
    name: "R2: a renewal brings a lost lock back",
    file: "testing/memory-database.ts",
    find: 'if (!isOwn || !this.store.has(proc)) return "LOST";',
    replace: `if (this.find(key) && !isOwn) return "LOST";
      if (!this.find(key)) this.write(key, lockData, ttlMs, undefined);
      if (!this.store.has(proc)) this.writeProcess(lockData.processHash, this.createProcessData(), livenessMs);`,
    seed: 4,
  },
  {
    name: "R3: a renewal does not compare fences",
    file: "testing/memory-database.ts",
    find: "stored?.ownerHash === lockData.ownerHash && stored.fence === lockData.fence",
    replace: "stored?.ownerHash === lockData.ownerHash",
    seed: 799,
  },
  {
    name: "R4: a release leaves no tombstone",
    file: "testing/memory-database.ts",
    find: "this.#bury(ownerHash, reason);",
    replace: "",
    seed: 3,
  },
  {
    name: "R5: a renewal writes the record before it lengthens",
    file: "testing/memory-database.ts",
    find: "this.store.lengthen(lockName(key), ttlMs);\n      this.store.lengthen(proc, livenessMs);\n      if (this.store.isFull) return LockStatus.SUCCESS;",
    replace:
      "this.store.replace(lockName(key), JSON.stringify(lockData));\n      this.store.lengthen(lockName(key), ttlMs);\n      this.store.lengthen(proc, livenessMs);",
    seed: 34,
  },
  {
    name: "R6: fences begin at one after data loss",
    file: "testing/memory-database.ts",
    find: 'this.store.get("fence") ?? Math.max(fromClock, this.#highestFence)',
    replace: 'this.store.get("fence") ?? 0 * Math.max(fromClock, this.#highestFence)',
    seed: 5,
  },
  {
    name: "R7: what is no record counts as free",
    file: "testing/memory-primitives.ts",
    find: 'if (text === undefined || text === "") return undefined;',
    replace: 'if (text === undefined || text === "" || !decodeLockData(text)) return undefined;',
    seed: 3,
  },
  {
    name: "R8: a command without an answer is waited for as long as it takes",
    file: "database/database.ts",
    find: "await bounded(this.runtime, answer, this.requestTimeout)",
    replace: "await bounded(this.runtime, answer, Infinity)",
    seed: 1,
  },
  {
    name: "R9: every error counts as not applied",
    file: "redis/failure.ts",
    find: 'const applied = retriable || REFUSED.test(message) ? "no" : "unknown";',
    replace: 'const applied = (retriable || REFUSED.test(message) || true) ? "no" : "unknown";',
    seed: 17,
  },
  {
    name: "R10: waitUntil is called when the lock is there",
    file: "lease/acquire.ts",
    find: "const settle = this.#lease.pledge();",
    replace:
      "let settle = (): void => {}; void Promise.resolve().then(() => { settle = this.#lease.pledge(); });",
    seed: 1,
  },
  {
    name: "R11: an unknown acquire is not compensated",
    file: "lease/attempt.ts",
    find: 'if (sent.ended !== "done" && !failed) token.isOpen = true;',
    replace: "",
    seed: 6,
  },
  {
    name: "R12: an aborted signal decides, not the release",
    file: "lock.ts",
    find: "    await lock.release();\n  } catch (cause) {",
    replace:
      "    await lock.release();\n    if (!wasValid) throw new LockNotOwnedError(lock.key, lock.token);\n  } catch (cause) {",
    seed: 112,
  },
  {
    name: "expiry is counted from after the reply",
    file: "lease/attempt.ts",
    find: "return this.#won(claims, outcome, since, ask);",
    replace: "return this.#won(claims, outcome, runtime.now(), ask);",
    seed: 3,
  },
  {
    name: "a release does not look at the owner",
    file: "testing/memory-database.ts",
    find: "if (found?.lockData?.ownerHash === ownerHash) {",
    replace: "if (found?.lockData) {",
    seed: 1,
  },
  {
    name: "an acquire is sent again with a new token",
    file: "lease/attempt.ts",
    find: 'why: "the database gave no answer that counts" };\n        }\n        continue;',
    replace:
      'why: "the database gave no answer that counts" };\n        }\n        this.#token = new Token(this.#context, this.#keys, this.#trace);\n        continue;',
    seed: 16,
  },
  {
    name: "a refused acquire may be delivered again",
    file: "testing/memory-database.ts",
    find: 'this.#remember(claims, "refused");',
    replace: "",
    seed: 12,
  },
  {
    name: "a granted acquire may be delivered again after its end",
    file: "testing/memory-database.ts",
    find: 'this.#remember(claims, "granted");\n    for (const { ownerHash } of taken)',
    replace: "for (const { ownerHash } of taken)",
    seed: 16,
  },
  {
    name: "a compensation is sent once, and forgotten",
    file: "lease/release.ts",
    find: "if (!retriable) return undefined;",
    replace: "if (!retriable || request.fence === undefined) return undefined;",
    seed: 239,
  },
  {
    name: "a clock that ran on decides, not the release",
    file: "lock.ts",
    find: 'const isOwn = status === "SUCCESS" || (status === "EXPIRED" && !wasLost);',
    replace: 'const isOwn = status === "SUCCESS" || !wasLost;',
    seed: 28,
  },
  {
    name: "the signal aborts on the tick after expiry",
    file: "lease/lease.ts",
    find: "this.#lost.abort(error);\n    this.#onLost(error);",
    replace:
      "void this.#runtime.sleep(0).then(() => this.#lost.abort(error));\n    this.#onLost(error);",
    seed: 3,
  },
];
