import { expect, it } from "vitest";
import { releaseProblems, type Release } from "../../dev/release-check.ts";

const ready: Release = {
  manifest: {
    version: "1.2.0",
    author: "Ada Lovelace",
    homepage: "https://example.org",
    repository: { type: "git", url: "git+https://example.org/leasehold.git" },
    bugs: { url: "https://example.org/issues" },
  },
  changelog: "# Changelog\n\n## 1.2.0 (2026-01-31)\n\n- Something new.\n\n## 1.1.0\n\n- Old.\n",
  status: "",
};

it("what is complete and committed may be published", () => {
  expect(releaseProblems(ready)).toEqual([]);
  expect(releaseProblems({ ...ready, changelog: "## [1.2.0]\n\n- New.\n" })).toEqual([]);
});

it("names every field of the manifest that whoever publishes must fill in", () => {
  const manifest = { version: "1.2.0", author: " ", bugs: { url: "" }, homepage: undefined };
  expect(releaseProblems({ ...ready, manifest })).toEqual([
    "package.json lacks author, homepage, repository, bugs",
  ]);
});

it.each([
  ["only other versions", "## 1.1.0\n\n- Old.\n"],
  ["only changes without a version", "## Unreleased\n\n- In 1.2.0.\n"],
  ["a longer version", "## 1.2.0-rc.1\n\n- New.\n"],
  ["a heading with nothing below it", "## 1.2.0\n\n## 1.1.0\n\n- Old.\n"],
])("refuses a changelog with %s", (_, changelog) => {
  expect(releaseProblems({ ...ready, changelog })).toEqual([
    'CHANGELOG.md has no entry "## 1.2.0"',
  ]);
});

it("refuses what is not committed, and lists all problems at once", () => {
  const problems = releaseProblems({ ...ready, changelog: "", status: " M src/lock.ts\n" });
  expect(problems).toEqual([
    'CHANGELOG.md has no entry "## 1.2.0"',
    "the working tree is not clean:\n M src/lock.ts",
  ]);
});
