import type { LuaMutant } from "./mutant.ts";

const IS_OWN = "if record and record.ownerHash == ownerHash then";

/** R3: whose lock it is. */
export const IDENTITY: readonly LuaMutant[] = [
  {
    name: "R3: a renewal does not compare owner hashes",
    script: "renew",
    find: "stored.ownerHash == ownerHash and",
    replace: "",
    guarantee: "R3 under its successor's fence a stale owner is still not the owner",
  },
  {
    name: "R3: a renewal does not compare fences",
    script: "renew",
    find: "and fenceOf(stored) == fence",
    replace: "",
    guarantee: "R3 one's own hash under another fence is lost to a renewal, and not lengthened",
  },
  {
    name: "R3: a renewal without a fence matches any fence",
    script: "renew",
    find: "and fenceOf(stored) == fence",
    replace: 'and (fence == "" or fenceOf(stored) == fence)',
    guarantee: "R3 a renewal that names no fence is lost where one is stored",
  },
  {
    name: "R3: a renewal with a fence matches a record without one",
    script: "renew",
    find: "and fenceOf(stored) == fence",
    replace: 'and (fenceOf(stored) == "" or fenceOf(stored) == fence)',
    guarantee: "R3 a renewal that names a fence is lost where none is stored",
  },
  {
    name: "R3: a release does not check the owner",
    script: "release",
    find: IS_OWN,
    replace: "if record then",
    seed: 1,
    guarantee: "R3 under its successor's fence a stale owner is still not the owner",
  },
  {
    name: "R3: a release does not compare fences",
    script: "release",
    find: '(fence == "" or fence == fenceOf(record)) and "released" or "lost"',
    replace: '"released"',
    seed: 139,
    guarantee: "R3 a release deletes its own hash under another fence, but is not a success",
  },
  {
    name: "R3: a release leaves its own hash under another fence",
    script: "release",
    find: IS_OWN,
    replace: `if record and record.ownerHash == ownerHash
    and (fence == "" or fence == fenceOf(record)) then`,
    seed: 139,
    guarantee: "R3 a release deletes its own hash under another fence, but is not a success",
  },
  {
    name: "R3: a release takes its own hash under another fence for another owner",
    script: "release",
    find: '    raw = ""\n',
    replace: '    if reason == "released" then raw = "" end\n',
    seed: 139,
    guarantee: "R3 a release deletes its own hash under another fence, but is not a success",
  },
  {
    name: "R3: a release without a fence is never a success",
    script: "release",
    find: '(fence == "" or fence == fenceOf(record))',
    replace: "(fence == fenceOf(record))",
    seed: 5,
    guarantee: "R3 a release that knows no fence deletes its own hash whatever the fence",
  },
  {
    name: "R3: an acquire takes any record for its own",
    script: "acquire",
    find: IS_OWN,
    replace: "if record then",
    seed: 1,
    guarantee: "a refused acquire sent again is refused again",
  },
  {
    name: "R3: forceDelete does not check the owner",
    script: "force-delete",
    find: "record and record.ownerHash == ownerHash",
    replace: "record",
    guarantee: "R3 an owner hash that differs in one character is another",
  },
  {
    name: "R3: tryCreate does not check the owner",
    script: "try-create",
    find: "stored and stored.ownerHash == ownerHash",
    replace: "stored",
    guarantee: "tryCreate of a held key shows the holder, and changes nothing",
  },
  {
    name: "R3: tryUpdate does not check the owner",
    script: "try-update",
    find: "if not stored or stored.ownerHash ~= ownerHash then",
    replace: "if not stored then",
    guarantee: "R3 an owner hash that differs in one character is another",
  },
  {
    name: "R3: tryDelete does not check the owner",
    script: "try-delete",
    find: "if not stored or stored.ownerHash ~= ownerHash then",
    replace: "if not stored then",
    guarantee: "R3 an owner hash that differs in one character is another",
  },
];
