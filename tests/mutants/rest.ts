/** Mutants of REST: mistakes in the way from a path to its procedure. */
import type { Mutant } from "./mutant.ts";

export const REST: readonly Mutant[] = [
  {
    name: "REST looks for the path before it knows the key",
    file: "server/front/rest/rest.ts",
    find: "await identified; // it says why, by rejecting",
    replace: "identified.catch(() => undefined);",
    tests: ["all", "tests/server/front/rest/bounds_test.ts"],
  },
  {
    name: "an order of a batch over REST goes to a store that its path does not name",
    file: "server/front/rest/inputs.ts",
    find: "if (own !== undefined && own !== storeId) throw",
    replace: "if (own === null && own !== storeId) throw",
    tests: ["unit", "tests/server/front/rest/inputs_test.ts"],
  },
  {
    name: "the key of the header wins over another one in the body",
    file: "server/front/rest/inputs.ts",
    find: "if (inBody !== undefined && inBody !== ofHeader) {",
    replace: "if (inBody === null && inBody !== ofHeader) {",
    tests: ["unit", "tests/server/front/rest/inputs_test.ts"],
  },
  {
    name: "a spilled order over REST is answered as one that the database has",
    file: "server/front/rest/results.ts",
    find: 'return status === "spilled" ? ACCEPTED : CREATED;',
    replace: 'return status === "committed" ? ACCEPTED : CREATED;',
    tests: ["all", "tests/server/front/rest/rest_test.ts"],
  },
];
