import { describeConformance } from "../support/conformance-suite.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";

const CANNOT = [
  "remembers no results",
  "hands no lock off",
  "cannot list its locks",
  "cannot lock several keys at once",
  "does not remember ended owners",
  "does not tell how long a lock has left",
  "draws no fences",
];

describeConformance("a database of primitives only", {
  backend: async () => {
    const database = new MinimalDatabase();
    return { database, storage: database.storage };
  },
  lacks: ["cannot be filled up", "holds nothing but text", ...CANNOT],
});

describeConformance("a database of primitives only, without access to its storage", {
  backend: async () => ({ database: new MinimalDatabase() }),
  lacks: ["cannot be filled up", "gives no access to its storage", ...CANNOT],
});
