/** Mistakes that would lose an order, double it, or tell its caller what is not so. */
import type { Mutant } from "./mutant.ts";

export const ORDERS: readonly Mutant[] = [
  {
    name: "the journal counts rows that were already there",
    file: "sql/orders/batch.ts",
    find: "      FROM inserted GROUP BY 1, 2, 3\n",
    replace: "      FROM (SELECT store_id, currency, units, total_minor, now() AS placed_at\n" +
      "            FROM input) AS x GROUP BY 1, 2, 3\n",
    tests: ["all", "tests/sql/figures/exactness_property_test.ts"],
  },
  {
    name: "a door that does not look at batches under way",
    file: "actors/order_writer/pace.ts",
    find: "    return Math.max(usual ?? 0, this.now() - oldest);",
    replace: "    return usual;",
    tests: ["unit", "tests/actors"],
  },
  {
    name: "a door that counts orders and not their lines",
    file: "actors/order_writer/order_writer.ts",
    find: "Math.max(orders / batchOrders, lines / MAX_BATCH_LINES)",
    replace: "Math.max(orders / batchOrders, 0 * lines / MAX_BATCH_LINES)",
    tests: ["unit", "tests/actors/order_writer/order_writer_test.ts"],
  },
  {
    name: "a sent order that waits for its batch whatever its deadline",
    file: "actors/order_writer/behaviour.ts",
    find: "waitingOrder.deadlineAt + answerTimeoutMs <= at",
    replace: "waitingOrder.deadlineAt + answerTimeoutMs <= at - 1e9",
    tests: ["unit", "tests/actors/order_writer/order_writer_test.ts"],
  },
  {
    name: "an acknowledgement before COMMIT",
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
    name: "a refusal after the batch was sent",
    file: "actors/order_writer/order_refusals.ts",
    find: "waitingOrder.maybeStored ? OUTCOME_UNKNOWN : refusal",
    replace: "waitingOrder.deadlineAt < 0 ? OUTCOME_UNKNOWN : refusal",
    tests: ["unit", "tests/actors/order_writer/order_writer_test.ts"],
  },
  {
    name: "a broken pipe taken for a SQLSTATE",
    file: "sql/connection/failure.ts",
    find: `  const severity = textOf(error, "severity");\n  if (severity === null) return {`,
    replace: `  const looks = code.length === 5 ? "ERROR" : null;\n` +
      `  const severity = textOf(error, "severity") ?? looks;\n  if (severity === null) return {`,
    tests: ["unit", "tests/sql/connection/failure_test.ts"],
  },
  {
    name: "a missing column taken for an order's fault",
    file: "sql/connection/failure.ts",
    find: `  [CLASS.integrityViolation]: "data",`,
    replace: `  "42": "data",\n  [CLASS.integrityViolation]: "data",`,
    tests: ["unit", "tests/actors"],
  },
  {
    name: "one batch holds two contents of one key",
    file: "actors/order_writer/mailbox.ts",
    find: "} else if (entry.order.contentHash === contentHash) {",
    replace: '} else if (contentHash !== "") {',
    tests: ["unit", "tests/actors/order_writer/mailbox_test.ts"],
  },
  {
    name: "overflow removed whether it was committed or not",
    file: "actors/overflow_drainer/drain_batch.ts",
    find: "if (done.length > 0) await source.remove(done);",
    replace: "await source.remove(entries);",
    tests: ["unit", "tests/actors/overflow_drainer/overflow_drainer_test.ts"],
  },
  {
    name: "an order that may be in the buffer refused",
    file: "actors/order_writer/group_spill.ts",
    find: "if (!(error instanceof OverflowUnreachable)) {",
    replace: "if (error instanceof OverflowUnreachable) {",
    tests: ["unit", "tests/actors/order_writer/group_spill_test.ts"],
  },
  {
    name: "a conflict out of the buffer forgotten",
    file: "actors/overflow_drainer/drain_batch.ts",
    find: `await store.park(order, "conflict", CONFLICT);`,
    replace: "void CONFLICT;",
    tests: ["unit", "tests/actors/overflow_drainer/overflow_drainer_test.ts"],
  },
  {
    name: "a drained batch that is too slow tried at the same size for ever",
    file: "actors/overflow_drainer/machine.ts",
    find: "? halvedBound(error.orders)",
    replace: "? Math.max(error.orders, halvedBound(context.batchOrders))",
    tests: ["unit", "tests/actors/overflow_drainer/overflow_drainer_test.ts"],
  },
  {
    name: "a spilled key's record forgotten",
    file: "server/overflow/scripts.ts",
    find: "redis.call('HSET', KEYS[2], id, entry .. ' ' .. hash)",
    replace: "",
    tests: ["all", "tests/server/overflow/redis_overflow_test.ts"],
  },
  {
    name: "the blind retry: an order that may be stored gets another id",
    file: "actors/order_writer/mailbox.ts",
    find: "    this.#waiting = [...still, ...this.#waiting];",
    replace: "    this.#waiting = [\n" +
      "      ...still.map((letter) => ({\n" +
      "        ...letter,\n" +
      "        order: { ...letter.order, orderId: crypto.randomUUID() },\n" +
      "      })),\n" +
      "      ...this.#waiting,\n" +
      "    ];",
    tests: ["unit", "tests/actors/order_writer/order_writer_test.ts"],
  },
  {
    name: "an unsynced spill",
    file: "server/overflow/durability.ts",
    find: `  appendfsync: "always",\n`,
    replace: "",
    tests: ["system", "tests/system/overflow/not_durable_test.ts"],
  },
  {
    name: "spilled before a replica has it: WAITAOF's answer not looked at",
    file: "server/overflow/durability.ts",
    find: "if (local >= 1 && replicas >= 1) return;",
    replace: "if (local >= 0 && replicas >= 0) return;",
    tests: ["system", "tests/system/overflow/not_durable_test.ts"],
  },
  {
    name: "spilled before a replica has it: an order found there taken for a confirmed one",
    file: "server/overflow/scripts.ts",
    find: "  local touched = redis.pcall('INCRBY', KEYS[3], 0)\n",
    replace: "  local touched = 0\n",
    tests: ["system", "tests/system/overflow/replica_confirms_test.ts"],
  },
  {
    name: "spilled before a replica has it: one that came since the latest look not asked",
    file: "server/overflow/durability.ts",
    find: "if (neededReplica || needsReplica) await",
    replace: "void needsReplica;\n  if (neededReplica) await",
    tests: ["system", "tests/system/overflow/replica_confirms_test.ts"],
  },
  {
    name: "spilled before a replica has it: one that has left since the latest look forgotten",
    file: "server/overflow/durability.ts",
    find: "if (neededReplica || needsReplica) await",
    replace: "void neededReplica;\n  if (needsReplica) await",
    tests: ["system", "tests/system/overflow/replica_confirms_test.ts"],
  },
  {
    name: "a replica without a file taken for one that keeps what it gets",
    file: "server/overflow/durability.ts",
    find: "    await redis.eval(TOUCH, 1, counter);\n",
    replace: "    void [TOUCH, counter];\n",
    tests: ["system", "tests/system/overflow/replica_confirms_test.ts"],
  },
  {
    name: "a silent server given as many chances as a failing one",
    file: "actors/order_writer/sliding_window.ts",
    find: "latest.every((call) => call.silent)) return true;",
    replace: "latest.every((call) => call.silent && !call.failed)) return true;",
    tests: ["unit", "tests/actors/order_writer/sliding_window_test.ts"],
  },
  {
    name: "the search for orders at fault taken for a slow database",
    file: "actors/order_writer/behaviour.ts",
    find: "report.longestCallMs, report.failure",
    replace: "report.commitMs, report.failure",
    tests: ["unit", "tests/actors/order_writer/circuit_test.ts"],
  },
  {
    name: "what a hung probe had forgotten",
    file: "actors/order_writer/behaviour.ts",
    find: "if (signal.aborted) input.onLate(report);",
    replace: "void signal;",
    tests: ["unit", "tests/actors"],
  },
  {
    name: "what was inserted forgotten when the second statement fails",
    file: "sql/orders/batch.ts",
    find: "    if (stored.size === 0) throw error;\n    return stored;",
    replace: "    throw error;",
    tests: ["all", "tests/sql/orders/batch_test.ts"],
  },
  {
    name: "a probe that asks nothing of the log",
    file: "sql/orders/batch.ts",
    find: "CASE WHEN ${orders.length} = 0",
    replace: "CASE WHEN ${orders.length} = -1",
    tests: ["all", "tests/sql/orders/batch_test.ts"],
  },
  {
    name: "an order called cancelled before the standby has it",
    file: "sql/orders/cancellation.ts",
    find: "${standbyHasIt(sql)} AS waited",
    replace: "(SELECT ${standbyHasIt(sql)} WHERE false) AS waited",
    tests: ["system", "tests/system/database/not_replicated_test.ts"],
  },
];
