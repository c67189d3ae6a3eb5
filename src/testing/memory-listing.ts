import {
  checkListRequest,
  type ListPage,
  type ListRequest,
  type ListedJob,
  type ListedLock,
} from "../database/listing.ts";
import { decodeResultRecord, type ResultRecord } from "../database/result-record.ts";
import { inspectByRules } from "../database/rules/inspect.ts";
import type { MemoryStore } from "./memory-store.ts";

/** A page of what a store holds, by name; its cursor is the last name that was looked at. */
export function listStore(store: MemoryStore, request: ListRequest): ListPage {
  const { match, limit, cursor = "" } = checkListRequest(request);
  const pattern = globPattern(match);
  const entries: (ListedLock | ListedJob)[] = [];
  const names = store.names().filter((name) => name > cursor);
  for (const name of names) {
    const entry = pattern.test(name.slice("lock:".length)) ? entryAt(store, name) : undefined;
    if (entry !== undefined) entries.push(entry);
    if (entries.length === limit && name !== names.at(-1)) return { entries, cursor: name };
  }
  return { entries, cursor: null };
}

function entryAt(store: MemoryStore, name: string): ListedLock | ListedJob | undefined {
  const key = name.slice("lock:".length);
  if (name.startsWith("lock:")) {
    const seen = inspectByRules(store, key);
    return seen === null ? undefined : { kind: "lock", key, ...seen };
  }
  const text = store.get(name);
  if (!name.startsWith("done:") || text === undefined || text === "") return undefined;
  const found = decodeResultRecord(text);
  return {
    kind: "job",
    key,
    record: found && withoutResult(found),
    hasResult: found?.result !== undefined,
    bytes: new TextEncoder().encode(text).length,
    remainingMs: store.remainingMs(name) ?? null,
  };
}

function withoutResult(found: ResultRecord): ResultRecord {
  const { result: _, ...record } = found;
  return record;
}

/** What a glob of Redis matches: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before what is meant literally. */
function globPattern(glob: string): RegExp {
  const parts = glob.matchAll(/\\(.)|\[(\^?)((?:\\.|[^\]])*)\]|([^])/gu);
  const source = Array.from(parts, ([, literal, not, set, one = ""]) => {
    if (literal !== undefined) return quoted(literal);
    if (set !== undefined) return `[${not}${set.replaceAll(/\\(.)|([[\]^\\])/gu, "\\$1$2")}]`;
    return one === "*" ? "[^]*" : one === "?" ? "[^]" : quoted(one);
  });
  return new RegExp(`^${source.join("")}$`);
}

function quoted(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
