/** Mistakes in the order writer: in its circuit, its batches, and the turns of its callers. */
import type { Mutant } from "./mutant.ts";

export const WRITER: readonly Mutant[] = [
  {
    name: "a statement through a pooler has the settings of strangers",
    file: "sql/connection/pooler/shared_sql.ts",
    find: 'Promise.all([setUp(tx, this.needed, "transaction"), run(tx)])',
    replace: "Promise.all([null, run(tx)])",
    tests: ["all", "tests/sql/connection/pooler/shared_sql_test.ts"],
  },
  {
    name: "the next primary is waited for as for any outage",
    file: "actors/order_writer/behaviour.ts",
    find: "if (isFromStandby(failure)) return",
    replace: 'if (isFromStandby(failure) && failure.kind === "read_only") return',
    tests: ["unit", "tests/actors/order_writer/no_primary_test.ts"],
  },
  {
    name: "a session that could not be set up is used again",
    file: "sql/connection/pool.ts",
    find: "    if (session.hasFailed) return this.#drop(session, 0);\n",
    replace: "",
    tests: ["all", "tests/sql/connection/pool_test.ts"],
  },
  {
    name: "the door does not look at the batches under way",
    file: "actors/order_writer/pace.ts",
    find: "    return Math.max(usual ?? 0, this.now() - oldest);",
    replace: "    return usual;",
    tests: ["unit", "tests/actors"],
  },
  {
    name: "the door counts orders and not their bulk",
    file: "actors/order_writer/order_writer.ts",
    find: "Math.max(orders / batchOrders, bulk / MAX_BATCH_BULK)",
    replace: "Math.max(orders / batchOrders, 0 * bulk / MAX_BATCH_BULK)",
    tests: ["unit", "tests/actors/order_writer/order_writer_test.ts"],
  },
  {
    name: "a store keeps its turn as long as its orders last",
    file: "actors/order_writer/mailbox/backlogs.ts",
    find: "      if (backlog.readyKeys > 0) this.#turns.add(backlog);\n",
    replace: "      const others = [...this.#turns];\n" +
      "      this.#turns.clear();\n" +
      "      const next = backlog.readyKeys > 0 ? [backlog, ...others] : others;\n" +
      "      next.forEach((one) => this.#turns.add(one));\n" +
      "      if (backlog.readyKeys > 0) continue;\n",
    tests: ["unit", "tests/actors/order_writer/fair_shares_test.ts"],
  },
  {
    name: "a full mailbox refuses orders of the shortest backlog",
    file: "actors/order_writer/mailbox/backlog_sizes.ts",
    find: "this.#ofSize.get(Math.max(...this.#ofSize.keys()))",
    replace: "this.#ofSize.get(Math.min(...this.#ofSize.keys()))",
    tests: ["unit", "tests/actors/order_writer/mailbox/mailbox_test.ts"],
  },
  {
    name: "the door counts the backlogs of all stores against each",
    file: "actors/order_writer/mailbox/backlogs.ts",
    find: "orders: Math.min(this.orders, turns)",
    replace: "orders: Math.max(this.orders, turns)",
    tests: ["unit", "tests/actors/order_writer/fair_shares_test.ts"],
  },
  {
    name: "a sent order waits for its batch long past its deadline",
    file: "actors/order_writer/behaviour.ts",
    find: "waitingOrder.deadlineAt + answerTimeoutMs <= at",
    replace: "waitingOrder.deadlineAt + answerTimeoutMs <= at - 1e9",
    tests: ["unit", "tests/actors/order_writer/order_writer_test.ts"],
  },
  {
    name: "a caller is acknowledged before COMMIT",
    file: "actors/order_writer/group_commit.ts",
    find:
      "  const outcome = await commitApart(store.commit, entries.map((entry) => entry.order));\n",
    replace: "  for (const entry of entries) {\n" +
      "    const { contentHash } = entry.order;\n" +
      '    answerStored(mailbox, entry, { isNew: true, contentHash, placedAt: "" });\n' +
      "  }\n" +
      "  const outcome = await commitApart(store.commit, entries.map((entry) => entry.order));\n",
    tests: ["unit", "tests/actors/order_writer/order_writer_test.ts"],
  },
  {
    name: "an order that may be stored is refused",
    file: "actors/order_writer/order_refusals.ts",
    find: "waitingOrder.maybeStored ? OUTCOME_UNKNOWN : refusal",
    replace: "waitingOrder.deadlineAt < 0 ? OUTCOME_UNKNOWN : refusal",
    tests: ["unit", "tests/actors/order_writer/order_writer_test.ts"],
  },
  {
    name: "one batch holds two contents of one key",
    file: "actors/order_writer/mailbox/backlogs.ts",
    find: "key.orders.filter((one) => one.order.contentHash === order.contentHash)",
    replace: 'key.orders.filter(() => order.contentHash !== "")',
    tests: ["unit", "tests/actors/order_writer/mailbox/mailbox_test.ts"],
  },
  {
    name: "an order that may be in the overflow is refused",
    file: "actors/order_writer/group_spill.ts",
    find: "if (!(error instanceof OverflowUnreachable)) {",
    replace: "if (error instanceof OverflowUnreachable) {",
    tests: ["unit", "tests/actors/order_writer/group_spill_test.ts"],
  },
  {
    name: "an order whose dead letter is refused counts as a failure of the database",
    file: "actors/order_writer/group_commit.ts",
    find: "if (mayLast(parkFailure) && await takesOrders(store.commit)) {",
    replace: "if (parkFailure.code === await Promise.resolve(mayLast.name + takesOrders.name)) {",
    tests: ["unit", "tests/actors/order_writer/at_fault_test.ts"],
  },
  {
    name: "a retried order that may be stored gets another id",
    file: "actors/order_writer/mailbox/mailbox.ts",
    find:
      "    this.#backlogs.addFirst(waiting.filter((waitingOrder) => this.#unmark(waitingOrder)));",
    replace: "    this.#backlogs.addFirst(\n" +
      "      waiting.filter((waitingOrder) => this.#unmark(waitingOrder)).map((waitingOrder) => ({\n" +
      "        ...waitingOrder,\n" +
      "        order: { ...waitingOrder.order, orderId: crypto.randomUUID() },\n" +
      "      })),\n" +
      "    );",
    tests: ["unit", "tests/actors/order_writer/order_writer_test.ts"],
  },
  {
    name: "the circuit gives a silent server as many chances as a failing one",
    file: "actors/order_writer/sliding_window.ts",
    find: 'latest.every(({ end }) => end === "silent")',
    replace: 'latest.every(({ end }) => end === "silent" && calls.length === 0)',
    tests: ["unit", "tests/actors/order_writer/sliding_window_test.ts"],
  },
  {
    name: "the circuit takes the search for orders at fault for a slow database",
    file: "actors/order_writer/behaviour.ts",
    find: "report.longestCallMs, report.failure",
    replace: "report.commitMs, report.failure",
    tests: ["unit", "tests/actors/order_writer/circuit_test.ts"],
  },
  {
    name: "the end of a hung probe is not told",
    file: "actors/order_writer/behaviour.ts",
    find: "if (signal.aborted) input.onLate(report);",
    replace: "void signal;",
    tests: ["unit", "tests/actors"],
  },
  {
    name: "a database without a primary is no outage",
    file: "actors/order_writer/behaviour.ts",
    find: "context.window.withoutPrimaryMs(context.now()) >= longestWithoutPrimary(context)",
    replace: "context.window.withoutPrimaryMs(context.now()) < -longestWithoutPrimary(context)",
    tests: ["unit", "tests/actors/order_writer/no_primary_test.ts"],
  },
  {
    name: "a new primary is looked for as seldom as a database that is away",
    file: "actors/order_writer/behaviour.ts",
    find: "const maxMs = Math.min(backoff.maxMs, context.longestPauseMs);",
    replace: "const maxMs = backoff.maxMs;",
    tests: ["unit", "tests/actors/order_writer/no_primary_test.ts"],
  },
  {
    name: "a database that starts is asked as seldom as one that is silent",
    file: "actors/order_writer/behaviour.ts",
    find: "return isAway(failure) ? AWAY_PAUSE_MS : Infinity;",
    replace: "return isAway(failure) && AWAY_PAUSE_MS < 0 ? AWAY_PAUSE_MS : Infinity;",
    tests: ["unit", "tests/actors/order_writer/no_primary_test.ts"],
  },
  {
    name: "a proxy that hangs up is asked as seldom as a server that is silent",
    file: "sql/connection/failure.ts",
    find: "  CONNECTION.reset,\n  CONNECTION.closed,\n  SQLSTATE.cannotConnectNow,\n",
    replace: "  SQLSTATE.cannotConnectNow,\n",
    tests: ["unit", "tests/actors/order_writer/no_primary_test.ts"],
  },
  {
    name: "the old primary is handed out while a search goes on",
    file: "sql/connection/hosts/primary.ts",
    find: "!this.#isInDoubt && !isAsking)",
    replace: "!this.#isInDoubt && (!isAsking || isAsking))",
    tests: ["all", "tests/sql/connection/hosts/primary_test.ts"],
  },
  {
    name: "a host that starts during a search is not asked again",
    file: "sql/connection/hosts/primary.ts",
    find: "if (isAway(classify(error))) after(",
    replace: "if (isAway(classify(error)) && AGAIN_MS < 0) after(",
    tests: ["all", "tests/sql/connection/hosts/primary_test.ts"],
  },
  {
    name: "WEIR_SCHEMA does not hold on the way past a pooler",
    file: "server/config.ts",
    find: "direct === null ? null : withSchema(direct.url, schema)",
    replace: "direct === null ? null : direct.url",
    tests: ["unit", "tests/server/config_test.ts"],
  },
  {
    name: "a probe that hangs leaves the short pause of the fault before it",
    file: "actors/order_writer/machine.ts",
    find: 'after: { probeTimeout: { target: "#open", actions: "noteSilence" } },',
    replace: 'after: { probeTimeout: { target: "#open" } },',
    tests: ["unit", "tests/actors/order_writer/no_primary_test.ts"],
  },
  {
    name: "a long time without a primary makes the pause after the next fault long",
    file: "actors/order_writer/behaviour.ts",
    find: "openingsInARow: context.longestPauseMs < Infinity ? 0 : context.openingsInARow + 1,",
    replace: "openingsInARow: context.openingsInARow + 1,",
    tests: ["unit", "tests/actors/order_writer/no_primary_test.ts"],
  },
];
