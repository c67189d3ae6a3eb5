/** One deliberate bug: a text that must occur exactly once in src, and its replacement. */
export interface Mutant {
  readonly name: string;
  /** Under src/. What Redis does in Lua is changed here in the equivalent TypeScript rules; in Lua itself, in lua/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** A schedule that finds it: where the search starts. */
  readonly seed: number;
}

/** Each of the rules R1 to R12 and O1 to O4 and O6 removed, bugs that lock libraries have, and three of a transport. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "R1: a late renewal shortens the lock",
    file: "testing/memory-store.ts",
    find: "entry !== undefined && entry.expiresAt < expiresAt",
    replace: "entry !== undefined",
    seed: 2,
  },
  {
    name: "R2: a renewal resurrects a lost lock",
    file: "database/rules/renew.ts",
    find: `if (!isOwn || store.get(process) === undefined) return "lost";`,
    replace: `if (find(store, key) && !isOwn) return "lost";
  if (!find(store, key)) store.set(lockName(key), JSON.stringify(lockData), ttlMs);
  if (store.get(process) === undefined) store.set(process, JSON.stringify(createProcessData(now)), livenessMs);`,
    seed: 5,
  },
  {
    name: "R3: a renewal does not compare fences",
    file: "database/rules/renew.ts",
    find: "stored?.ownerHash === lockData.ownerHash && stored.fence === lockData.fence",
    replace: "stored?.ownerHash === lockData.ownerHash",
    seed: 1624,
  },
  {
    name: "R4: a release leaves no tombstone",
    file: "database/rules/release.ts",
    find: "remember(store, claim.lockData.ownerHash, reason, settings);",
    replace: "",
    seed: 10,
  },
  {
    name: "R5: a renewal writes the record before it lengthens",
    file: "database/rules/renew.ts",
    find: `  store.lengthen(lockName(key), ttlMs);
  store.lengthen(process, livenessMs);
  if (ttlMs > 0) whereThereIsRoom(() => store.replace(lockName(key), JSON.stringify(lockData)));`,
    replace: `  if (ttlMs > 0) store.replace(lockName(key), JSON.stringify(lockData));
  store.lengthen(lockName(key), ttlMs);
  store.lengthen(process, livenessMs);`,
    seed: 48,
  },
  {
    name: "R6: fences restart at one after data loss",
    file: "database/rules/acquire.ts",
    find: "counted <= 1 ? firstFence(now) : 0",
    replace: "0 * firstFence(now)",
    seed: 5,
  },
  {
    name: "R7: what is not a record counts as free",
    file: "database/rules/store.ts",
    find: `if (text === undefined || text === "") return undefined;`,
    replace: `if (text === undefined || text === "" || !decodeLockData(text)) return undefined;`,
    seed: 3,
  },
  {
    name: "R8: a command without an answer is waited for indefinitely",
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
    name: "R10: waitUntil is called after the acquire is sent",
    file: "lease/acquire.ts",
    find: "const pledge = this.#session.pledge();",
    replace: `let pledge: ReturnType<Session["pledge"]>;
    void Promise.resolve().then(() => { pledge = this.#session.pledge(); });`,
    seed: 1,
  },
  {
    name: "R11: an unknown acquire is not compensated",
    file: "lease/attempt.ts",
    find: `if (classifyFailure(error).applied === "unknown") this.#isOpen = true;`,
    replace: "",
    seed: 13,
  },
  {
    name: "R12: an aborted signal decides instead of the release",
    file: "lock.ts",
    find: "    return await release();\n  } catch (cause) {",
    replace:
      "    const verdict = await release();\n    if (!wasValid) throw new LockNotOwnedError(lock.key, lock.token);\n    return verdict;\n  } catch (cause) {",
    seed: 112,
  },
  {
    name: "expiry is counted from after the reply",
    file: "lease/attempt.ts",
    find: "this.#conclude(sent.value, claims, times, since)",
    replace: "this.#conclude(sent.value, claims, times, this.#context.runtime.now())",
    seed: 3,
  },
  {
    name: "a release does not check the owner",
    file: "database/rules/release.ts",
    find: "if (found?.lockData?.ownerHash !== lockData.ownerHash) {",
    replace: "if (!found?.lockData) {",
    seed: 1,
  },
  {
    name: "an acquire is sent again with a new token",
    file: "lease/attempt.ts",
    find: "await runtime.sleep(pauseMs, signal);",
    replace: `await runtime.sleep(pauseMs, signal);
      this.#isOpen = false;
      return { status: "gone" };`,
    seed: 167,
  },
  {
    name: "a refused acquire may be delivered again",
    file: "database/rules/acquire.ts",
    find: `rememberAll(store, claims, "refused", settings);`,
    replace: "",
    seed: 12,
  },
  {
    name: "a granted acquire may be delivered again after its end",
    file: "database/rules/acquire.ts",
    find: `rememberAll(store, claims, "granted", settings);
  for (const { ownerHash, processHash } of taken)`,
    replace: "for (const { ownerHash, processHash } of taken)",
    seed: 16,
  },
  {
    name: "a compensation is sent only once",
    file: "lease/attempt.ts",
    find: "send: () => database.release(request),",
    replace: `send: () => database.release(request).catch(() => ({ status: "missing", lockData: null })),`,
    seed: 239,
  },
  {
    name: "an expired clock decides instead of the release",
    file: "lock.ts",
    find: "if (!isOwnRelease(verdict)) throw",
    replace: "if (!isOwnRelease(verdict) && this.#lease.checkLoss() !== undefined) throw",
    seed: 28,
  },
  {
    name: "the signal aborts on the tick after expiry",
    file: "lease/lease.ts",
    find: "this.#loss.abort(error);",
    replace: "void this.context.runtime.sleep(0).then(() => this.#loss.abort(error));",
    seed: 3,
  },
  {
    name: "the page of a proxy counts as a refusal of Redis",
    file: "upstash/rest-client.ts",
    find: "throw new Error(`HTTP ${response.status} without an answer of Redis`)",
    replace: 'throw new Error("LOADING")',
    seed: 1967,
  },
  {
    name: "a request that nobody waits for is left open",
    file: "upstash/rest-client.ts",
    find: "...(signal && { signal }),",
    replace: "",
    seed: 4,
  },
  {
    name: "over HTTP, a command without an answer is waited for indefinitely",
    file: "redis/redis-database.ts",
    find: "await bounded(this.runtime, reply, this.requestTimeout)",
    replace: "await bounded(this.runtime, reply, Infinity)",
    seed: 4,
  },
  {
    name: "a late copy of an acquire gives away what its holder still has of several keys",
    file: "database/rules/acquire.ts",
    find: `  { refusal, isEnded }: Findings,
  settings: RuleSettings,
): AcquireOutcome {
`,
    replace: `  { own, refusal, isEnded }: Findings,
  settings: RuleSettings,
): AcquireOutcome {
  for (const { key } of own) store.delete(lockName(key));
`,
    seed: 638,
  },
  {
    name: "a counter that lags is not raised above what its client has seen",
    file: "database/rules/acquire.ts",
    find: "Math.max(seen, counted <= 1 ? firstFence(now) : 0)",
    replace: "counted <= 1 ? Math.max(seen, firstFence(now)) : 0",
    seed: 5,
  },
  {
    name: "the absurd fence of a foreign record moves the counter",
    file: "database/lock-record.ts",
    find: "fence > MAX_FIRST_FENCE ? seen : Math.max(seen, fence)",
    replace: "Math.max(seen, fence)",
    seed: 48,
  },
  {
    name: "what the first of two copies of an acquire left of several keys is not rolled back",
    file: "lease/attempt.ts",
    find: `the first may have left some.
        this.#isOpen = true;`,
    replace: "the first may have left some.",
    seed: 638,
  },
  {
    name: "O1: an admission does not look at what is remembered",
    file: "database/rules/jobs.ts",
    find: "if (record === null) return acquireByRules",
    replace: "if (record === null || true) return acquireByRules",
    seed: 4,
  },
  {
    name: "O1: an admission that finds a completion leaves no tombstone",
    file: "database/rules/jobs.ts",
    find: `if (store.get(name) === undefined) remember(store, lockData.ownerHash, "refused", settings);`,
    replace: "",
    seed: 1435,
  },
  {
    name: "O2: a completion checks neither owner nor fence",
    file: "database/rules/jobs.ts",
    find: "if (found?.ownerHash !== lockData.ownerHash || found.fence !== fence) return false;",
    replace: "if (!found) return false;",
    seed: 15,
  },
  {
    name: "O2: a completion does not check the liveness",
    file: "database/rules/jobs.ts",
    find: "if (store.get(processName(lockData.processHash)) !== undefined) return true;",
    replace: "if (found) return true;",
    seed: 956,
  },
  {
    name: "O2: a completion stores its result whoever holds the lock",
    file: "database/rules/jobs.ts",
    find: "const stored = isOwn ? keep(store, request, record, settings) : undefined;",
    replace: "const stored = keep(store, request, record, settings);",
    seed: 1,
  },
  {
    name: "O2: a completion sent again does not look for what it stored",
    file: "database/rules/jobs.ts",
    find: "if (record?.ownerHash !== ownerHash) return undefined;",
    replace: "if (record?.ownerHash !== ownerHash || true) return undefined;",
    seed: 79,
  },
  {
    name: "O3: a run that fails is completed",
    file: "once/once.ts",
    find: "await releaseOnError(lock, () => work(lock));",
    replace: "await Promise.resolve(work(lock)).catch((error) => error as T);",
    seed: 1,
  },
  {
    name: "O3: forgetting does not compare the owner hash",
    file: "database/rules/jobs.ts",
    find: "if (recallByRules(store, resultKey)?.ownerHash !== ownerHash) return false;",
    replace: "if (recallByRules(store, resultKey) === null) return false;",
    seed: 1415,
  },
  {
    name: "O4: a result is stored after its lock is gone",
    file: "database/rules/jobs.ts",
    find: `  const stored = isOwn ? keep(store, request, record, settings) : undefined;
  const outcome = releaseByRules(store, { claims, fence }, settings);
`,
    replace: `  const outcome = releaseByRules(store, { claims, fence }, settings);
  const stored = isOwn ? keep(store, request, record, settings) : undefined;
`,
    seed: 280,
  },
  {
    name: "O4: a completion without room for its result does not try a marker",
    file: "database/rules/jobs.ts",
    find: `stored ?? keep(store, request, marker, settings) ?? "no"`,
    replace: `stored ?? "no"`,
    seed: 280,
  },
  {
    name: "O4: a result that cannot be kept counts as kept",
    file: "once/once.ts",
    find: `return ("kept" in verdict ? verdict.kept : undefined) ?? "unknown";`,
    replace: `return "result";`,
    seed: 9,
  },
  {
    name: "O6: a completed job answers one with other input",
    file: "once/once.ts",
    find: "if (isOtherInput(terms.job, outcome.record)) throw new LockFingerprintError(key);",
    replace: "",
    seed: 6,
  },
  {
    name: "O6: the record of a running job does not tell its input",
    file: "lease/attempt.ts",
    find: "...(fingerprint === undefined ? {} : { fingerprint }),",
    replace: "",
    seed: 334,
  },
  {
    name: "an attach takes a key that is free",
    file: "database/rules/acquire.ts",
    find: "request.handedOff !== undefined && isShort",
    replace: "request.handedOff === null && isShort",
    seed: 6,
  },
  {
    name: "an attach takes from whoever holds the key",
    file: "database/rules/acquire.ts",
    find: "return isNamed && (fence === undefined",
    replace:
      "if (fence !== undefined) return holder !== null;\n  return isNamed && (fence === undefined",
    seed: 4,
  },
  {
    name: "an attach compares owners and no fences",
    file: "database/rules/acquire.ts",
    find: "isAlive && holder.fence === fence",
    replace: "isAlive",
    seed: 1977,
  },
  {
    name: "an attach does not check the liveness",
    file: "database/rules/acquire.ts",
    find: "isAlive && holder.fence === fence",
    replace: "holder.fence === fence",
    seed: 277,
  },
];
