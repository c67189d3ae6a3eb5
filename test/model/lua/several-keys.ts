import type { LuaMutant } from "./mutant.ts";

/** All or none of several keys. */
export const SEVERAL_KEYS: readonly LuaMutant[] = [
  {
    name: "several keys: refused, those that were free are kept",
    script: "acquire",
    find: 'remember("refused")\n',
    replace: `remember("refused")
  for i = 1, claims do
    redis.call("SET", KEYS[1 + 2 * i], ARGV[6 + i] .. "}", "NX", "PX", ttlMs)
  end\n`,
    seed: 3,
    guarantee: "several keys: one that another holds refuses them all",
  },
  {
    name: "several keys: ended, those still held are given away",
    script: "acquire",
    find: "  if isGone or not refusal then\n",
    replace: `  if isGone and #own > 0 then redis.call("DEL", procKey, unpack(own)) end
  if isGone or not refusal then\n`,
    guarantee:
      "several keys: a late copy of its acquire gives away none that a holder still has, after one was forced",
  },
  {
    name: "several keys: refused, those still held are given away",
    script: "acquire",
    find: 'remember("refused")\n',
    replace: `remember("refused")
  if #own > 0 then redis.call("DEL", unpack(own)) end\n`,
    guarantee:
      "several keys: a late copy of its acquire gives away none that a holder still has, when another is refused",
  },
  {
    name: "several keys: refused, the process of those still held dies",
    script: "acquire",
    find: 'remember("refused")\n',
    replace: 'remember("refused")\n  redis.call("DEL", procKey)\n',
    guarantee:
      "several keys: a late copy of its acquire gives away none that a holder still has, when another is refused",
  },
  {
    name: "several keys: holding one counts as holding all",
    script: "acquire",
    find: "if #own == claims then",
    replace: "if #own > 0 then\n  claims = #own",
    guarantee: "several keys: sent again with one free, all are had under one new fence",
  },
  {
    name: "several keys: only the first is checked",
    script: "acquire",
    find: 'elseif raw ~= "" and not refusal then',
    replace: 'elseif raw ~= "" and i == 1 then',
    seed: 3,
    guarantee: "several keys: the first of them that is held is the one shown",
  },
  {
    name: "several keys: only those of the first are looked at",
    script: "acquire",
    find: "unpack(KEYS, 2, 2 + 2 * claims)",
    replace: "unpack(KEYS, 2, 4)",
    seed: 3,
    guarantee: "several keys: one that another holds refuses them all",
  },
  {
    name: "several keys: the last held one is reported",
    script: "acquire",
    find: 'elseif raw ~= "" and not refusal then',
    replace: 'elseif raw ~= "" then',
    seed: 3,
    guarantee: "several keys: the first of them that is held is the one shown",
  },
  {
    name: "several keys: only the first is lengthened",
    script: "acquire",
    find: "for i = 1, claims do lengthen(own[i], ttlMs) end",
    replace: "lengthen(own[1], ttlMs)",
    seed: 14,
    guarantee: "R1 several keys sent again are all lengthened",
  },
  {
    name: "several keys: a release that finds one missing hides that another holds one",
    script: "release",
    find: 'elseif status == "SUCCESS" then',
    replace: "else",
    seed: 116,
    guarantee: "several keys: a release that finds one another's shows it, and frees the others",
  },
];
