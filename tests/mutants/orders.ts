/** Mistakes that would lose an order, double it, or tell its caller something untrue. */
import type { Mutant } from "./mutant.ts";

export const ORDERS: readonly Mutant[] = [
  {
    name: "the journal counts rows that were already there",
    file: "sql/orders/batch.ts",
    find: "      FROM inserted n LEFT JOIN (\n",
    replace: "      FROM (SELECT store_id, order_id, currency, lines::jsonb AS lines, units,\n" +
      "                   total_minor, now() AS placed_at FROM input) AS n LEFT JOIN (\n",
    tests: ["all", "tests/sql/figures/exactness_property_test.ts"],
  },
  {
    name: "the door does not look at the batches under way",
    file: "actors/order_writer/pace.ts",
    find: "    return Math.max(usual ?? 0, this.now() - oldest);",
    replace: "    return usual;",
    tests: ["unit", "tests/actors"],
  },
  {
    name: "the door counts orders and not their lines",
    file: "actors/order_writer/order_writer.ts",
    find: "Math.max(orders / batchOrders, lines / MAX_BATCH_LINES)",
    replace: "Math.max(orders / batchOrders, 0 * lines / MAX_BATCH_LINES)",
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
    name: "each instance gives a key the whole rate",
    file: "server/orders/rate_limit.ts",
    find: "return share ?? 1 / this.#instances;",
    replace: "return share === null ? 1 : 1;",
    tests: ["unit", "tests/server/orders/rate_limit_test.ts"],
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
    name: "a broken pipe is taken for a SQLSTATE",
    file: "sql/connection/failure.ts",
    find: `  const severity = textOf(error, "severity");\n  if (severity === null)`,
    replace: `  const looks = code.length === 5 ? "ERROR" : null;\n` +
      `  const severity = textOf(error, "severity") ?? looks;\n  if (severity === null)`,
    tests: ["unit", "tests/sql/connection/failure_test.ts"],
  },
  {
    name: "a missing column is taken for an order's fault",
    file: "sql/connection/failure.ts",
    find: `  [CLASS.integrityViolation]: "data",`,
    replace: `  "42": "data",\n  [CLASS.integrityViolation]: "data",`,
    tests: ["unit", "tests/actors"],
  },
  {
    name: "one batch holds two contents of one key",
    file: "actors/order_writer/mailbox/backlogs.ts",
    find: "key.orders.filter((one) => one.order.contentHash === order.contentHash)",
    replace: 'key.orders.filter(() => order.contentHash !== "")',
    tests: ["unit", "tests/actors/order_writer/mailbox/mailbox_test.ts"],
  },
  {
    name: "the drainer removes orders from the overflow that were not committed",
    file: "actors/overflow_drainer/drain_batch.ts",
    find: "if (stored.length > 0) await source.remove(stored);",
    replace: "await source.remove(entries);",
    tests: ["unit", "tests/actors/overflow_drainer/overflow_drainer_test.ts"],
  },
  {
    name: "an order that may be in the overflow is refused",
    file: "actors/order_writer/group_spill.ts",
    find: "if (!(error instanceof OverflowUnreachable)) {",
    replace: "if (error instanceof OverflowUnreachable) {",
    tests: ["unit", "tests/actors/order_writer/group_spill_test.ts"],
  },
  {
    name: "the drainer forgets an order whose key holds other content",
    file: "actors/overflow_drainer/drain_batch.ts",
    find: `sorted.wrong.push({ entry, cause: { reason: "conflict" } });`,
    replace: "sorted.stored.push(entry);",
    tests: ["unit", "tests/actors/overflow_drainer/overflow_drainer_test.ts"],
  },
  {
    name: "the drainer tries a batch that is too slow at the same size for ever",
    file: "actors/overflow_drainer/machine.ts",
    find: "? halvedBound(error.orders)",
    replace: "? Math.max(error.orders, halvedBound(context.batchOrders))",
    tests: ["unit", "tests/actors/overflow_drainer/overflow_drainer_test.ts"],
  },
  {
    name: "an order that cannot be parked keeps its batch waiting",
    file: "actors/overflow_drainer/drain_batch.ts",
    find: "      stuck.push({ entry, code, parkCode: failure.code });\n",
    replace: "      if (code !== null) return { parked, stuck, failure };\n",
    tests: ["unit", "tests/actors/overflow_drainer/set_aside_test.ts"],
  },
  {
    name: "an order whose dead letter is refused counts as a failure of the database",
    file: "actors/order_writer/group_commit.ts",
    find: "if (mayLast(parkFailure) && await takesOrders(store.commit)) {",
    replace: "if (parkFailure.code === await Promise.resolve(mayLast.name + takesOrders.name)) {",
    tests: ["unit", "tests/actors/order_writer/at_fault_test.ts"],
  },
  {
    name: "a takeover takes the orders that were set aside",
    file: "server/overflow/drain_queue.ts",
    find: "owner !== ASIDE",
    replace: 'owner !== ""',
    tests: ["all", "tests/server/overflow/drain_queue_test.ts"],
  },
  {
    name: "a connection stays with a Redis that takes no writes",
    file: "server/redis/connection.ts",
    find: "if (!ASK_ANEW.test(message) || ",
    replace: 'if (!ASK_ANEW.test(message) || message !== "" || ',
    tests: ["all", "tests/server/redis/connection_test.ts"],
  },
  {
    name: "the overflow forgets the key of a spilled order",
    file: "server/overflow/scripts.ts",
    find: "redis.call('HSET', KEYS[2], id, entry .. ' ' .. hash)",
    replace: "",
    tests: ["all", "tests/server/overflow/redis_overflow_test.ts"],
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
    name: "an order is called spilled before Redis has synced its file",
    file: "server/overflow/durability.ts",
    find: `  appendfsync: "always",\n`,
    replace: "",
    tests: ["system", "tests/system/overflow/not_durable_test.ts"],
  },
  {
    name: "spilled before a replica has it: the answer of WAITAOF is not looked at",
    file: "server/overflow/durability.ts",
    find: "if (local >= 1 && replicas >= 1) return;",
    replace: "if (local >= 0 && replicas >= 0) return;",
    tests: ["system", "tests/system/overflow/not_durable_test.ts"],
  },
  {
    name:
      "spilled before a replica has it: an order found in the overflow is taken for a confirmed one",
    file: "server/overflow/scripts.ts",
    find: "  local touched = redis.pcall('INCRBY', KEYS[3], 0)\n",
    replace: "  local touched = 0\n",
    tests: ["system", "tests/system/overflow/replica_confirms_test.ts"],
  },
  {
    name: "spilled before a replica has it: a replica that came since the latest look is not asked",
    file: "server/overflow/durability.ts",
    find: "if (neededReplica || needsReplica) await",
    replace: "void needsReplica;\n  if (neededReplica) await",
    tests: ["system", "tests/system/overflow/replica_confirms_test.ts"],
  },
  {
    name: "spilled before a replica has it: a replica that left since the latest look is forgotten",
    file: "server/overflow/durability.ts",
    find: "if (neededReplica || needsReplica) await",
    replace: "void neededReplica;\n  if (needsReplica) await",
    tests: ["system", "tests/system/overflow/replica_confirms_test.ts"],
  },
  {
    name: "a replica without a file is trusted to keep orders",
    file: "server/overflow/durability.ts",
    find: "    await redis.eval(TOUCH, 1, counter);\n",
    replace: "    void [TOUCH, counter];\n",
    tests: ["system", "tests/system/overflow/replica_confirms_test.ts"],
  },
  {
    name: "the circuit gives a silent server as many chances as a failing one",
    file: "actors/order_writer/sliding_window.ts",
    find: "latest.every((call) => call.silent)) return true;",
    replace: "latest.every((call) => call.silent && !call.failed)) return true;",
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
    name: "inserted rows are forgotten when the second statement fails",
    file: "sql/orders/batch.ts",
    find: "    if (stored.size === 0) throw error;\n    return stored;",
    replace: "    throw error;",
    tests: ["all", "tests/sql/orders/batch_test.ts"],
  },
  {
    name: "a probe writes nothing to the log",
    file: "sql/orders/batch.ts",
    find: "${probe} AS probe`",
    replace: "(SELECT ${probe} WHERE false) AS probe`",
    tests: ["all", "tests/sql/orders/batch_test.ts"],
  },
  {
    name: "an order is called cancelled before the standby has it",
    file: "sql/orders/cancellation.ts",
    find: "${waited} AS waited",
    replace: "(SELECT ${waited} WHERE false) AS waited",
    tests: ["system", "tests/system/database/not_replicated_test.ts"],
  },
  {
    name: "the quick way does not look for open dead letters",
    file: "sql/orders/batch/quick_way.ts",
    find: "WHERE d.state = 'open')",
    replace: "WHERE d.state = 'open' AND false)",
    tests: ["all", "tests/sql/orders/batch/quick_way_test.ts"],
  },
  {
    name: "the quick way counts orders that a trigger drops",
    file: "sql/orders/batch/quick_way.ts",
    find: " AND NOT relhastriggers",
    replace: "",
    tests: ["all", "tests/sql/orders/batch/quick_way_test.ts"],
  },
  {
    name: "the quick way is tried at once again at a database far away",
    file: "sql/orders/batch/quick_way.ts",
    find: "if (this.#now() - from > FAR_MS) this",
    replace: "if (this.#now() - from > 1_000 * FAR_MS) this",
    tests: ["all", "tests/sql/orders/batch/quick_way_test.ts"],
  },
  {
    name: "a product is counted once for each order, whatever its quantity",
    file: "sql/orders/batch/sums.ts",
    find: "product.units += quantity;",
    replace: "product.units += 1;",
    tests: ["all", "tests/sql/orders/batch/quick_way_test.ts"],
  },
];
