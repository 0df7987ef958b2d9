/** Mistakes that would let a caller take more of the service than its share. */
import type { Mutant } from "./mutant.ts";

export const DOOR: readonly Mutant[] = [
  {
    name: "a connection without a key is never closed",
    file: "server/front/connections/visitors.ts",
    find: "if (now() - visitor.since < strangerMs) return;",
    replace: "if (now() - visitor.since < strangerMs + 1e9) return;",
    tests: ["unit", "tests/server/front/connections/visitors_test.ts"],
  },
  {
    name: "a connection with a good key gives way to strangers",
    file: "server/front/connections/visitors.ts",
    find: "      if (!visitor.isStranger) continue;\n",
    replace: "",
    tests: ["unit", "tests/server/front/connections/visitors_test.ts"],
  },
  {
    name: "one key may hold all unfinished bytes",
    file: "server/front/connections/byte_budget.ts",
    find: " && ofOwner() + bytes <= this.maxBytesOfOne;",
    replace: ";",
    tests: ["unit", "tests/server/front/connections/byte_budget_test.ts"],
  },
  {
    name: "a subscription that ends keeps its place",
    file: "server/front/connections/streams.ts",
    find: "            open--;\n",
    replace: "",
    tests: ["unit", "tests/server/front/connections/streams_test.ts"],
  },
  {
    name: "a large answer costs nothing once it is made",
    file: "server/front/answers/answer_budget.ts",
    find: "        taken.become(made);",
    replace: "        taken.become(0 * made);",
    tests: ["unit", "tests/server/front/answers/answer_budget_test.ts"],
  },
  {
    name: "an answer behind another one is counted for ever",
    file: "server/front/connections/visitors.ts",
    find: "      for (const tell of visitor.onGone) tell();\n",
    replace: "",
    tests: ["all", "tests/server/front/connections/answer_test.ts"],
  },
  {
    name: "a key gets every turn of large answers",
    file: "server/front/answers/answer_pace.ts",
    find: "      if (ofKey.size > 0) { // the other keys come first now",
    replace: "      if (ofKey.size > 1e9) {",
    tests: ["unit", "tests/server/front/answers/answer_pace_test.ts"],
  },
  {
    name: "orders are refused for the journal also while folds fail",
    file: "server/orders/journal_backlog.ts",
    find: "this.options.now() - this.#foldedAt < FOLDS_GO_ON_MS",
    replace: "this.options.now() - this.#foldedAt < FOLDS_GO_ON_MS + 1e9",
    tests: ["all", "tests/server/orders/journal_backlog_test.ts"],
  },
  {
    name: "every refusal to a stranger is answered at once",
    file: "server/front/keys/refusal_pace.ts",
    find: "if (dueMs <= 0 || this.#held >= MAX_HELD) return;",
    replace: "if (dueMs <= 1e9 || this.#held >= MAX_HELD) return;",
    tests: ["unit", "tests/server/front/keys/refusal_pace_test.ts"],
  },
  {
    name: "a database call that was given up is made later",
    file: "sql/connection/pool.ts",
    find: "        isGivenUp = true;\n",
    replace: "        isGivenUp = isGivenUp && error === null;\n",
    tests: ["all", "tests/sql/connection/pool_test.ts"],
  },
];
