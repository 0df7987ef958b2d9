/**
 * The mutants. Each is a mistake that would lose, double or misreport orders, and that somebody
 * might well make while changing the code nearby.
 */
import type { Mutant } from "./mutant.ts";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "the journal counts rows that were already there",
    file: "sql/batch.ts",
    find: "      FROM inserted GROUP BY 1, 2, 3\n",
    replace: "      FROM (SELECT store_id, currency, units, total_minor, now() AS placed_at\n" +
      "            FROM input) AS x GROUP BY 1, 2, 3\n",
    tests: ["all", "tests/sql/exactness_property_test.ts"],
  },
  {
    name: "a fold without the lock",
    file: "sql/fold.ts",
    find: `  if (lock?.got !== true) return { outcome: "locked" };\n`,
    replace: '  if (lock === undefined) return { outcome: "locked" };\n',
    tests: ["all", "tests/sql/fold_test.ts"],
  },
  {
    name: "a fold that leaves the journal as it is",
    file: "sql/journal.ts",
    find: "LIMIT ${limit}\n      ) RETURNING *\n",
    replace: "LIMIT ${limit}\n      ) AND false RETURNING *\n",
    tests: ["all", "tests/sql/fold_test.ts"],
  },
  {
    name: "asOf passes what a bite left in the journal",
    file: "sql/fold.ts",
    find: "const asOf = more ? before.asOf : before.now;",
    replace: "const asOf = before.now;",
    tests: ["all", "tests/sql/fold_test.ts"],
  },
  {
    name: "asOf taken after the DELETE",
    file: "sql/fold.ts",
    find: "  const more = rows.length === MAX_JOURNAL_ROWS;\n",
    replace: "  const more = rows.length === MAX_JOURNAL_ROWS;\n" +
      "  Object.assign(before, { now: (await readMark(tx)).now });\n",
    tests: ["all", "tests/sql/fold_test.ts"],
  },
  {
    name: "a created_at cursor instead of the journal",
    file: "sql/journal.ts",
    find: "        SELECT batch_id FROM journal WHERE format <= ${JOURNAL_FORMAT} LIMIT ${limit}\n",
    replace: "        SELECT batch_id FROM journal WHERE format <= ${JOURNAL_FORMAT}\n" +
      "          AND written_at >= coalesce((SELECT max(as_of) FROM scope_versions), '-infinity')\n" +
      "        LIMIT ${limit}\n",
    tests: ["all", "tests/sql/fold_test.ts"],
  },
  {
    name: "publish before COMMIT",
    file: "sql/fold.ts",
    find: "  return pool.transaction((tx) => fold(tx, known));\n",
    replace: "  return new Promise((resolve, reject) => {\n" +
      "    pool.transaction(async (tx) => {\n" +
      "      resolve(await fold(tx, known));\n" +
      "      await new Promise((done) => setTimeout(done, 50));\n" +
      "    }).catch(reject);\n" +
      "  });\n",
    tests: ["all", "tests/server/folding_test.ts"],
  },
  {
    name: "a database that went back in time taken for the same",
    file: "sql/fold.ts",
    find: "AND e.started_at IS NOT DISTINCT FROM i.started_at AS same",
    replace: "AS same",
    tests: ["system", "tests/system/database_restored_test.ts"],
  },
  {
    name: "a rebuild that takes its snapshot before the fold's lock",
    file: "sql/rebuild.ts",
    find: "    await lock(sql);\n",
    replace: "    void lock;\n",
    tests: ["all", "tests/sql/rebuild_test.ts"],
  },
  {
    name: "a rebuild that forgets the journal",
    file: "sql/rebuild.ts",
    find: "  await tx`DELETE FROM journal`;\n",
    replace: "",
    tests: ["all", "tests/sql/rebuild_test.ts"],
  },
  {
    name: "an audit that calls pending folds drift",
    file: "sql/audit.ts",
    find: "const pending = mergeJournal(await readJournal(tx));",
    replace: "const pending = mergeJournal((await readJournal(tx)).slice(0, 0));",
    tests: ["all", "tests/sql/audit_test.ts"],
  },
  {
    name: "a door that does not look at batches under way",
    file: "actors/pace.ts",
    find: "    return Math.max(usual ?? 0, this.now() - oldest);",
    replace: "    return usual;",
    tests: ["unit", "tests/actors"],
  },
  {
    name: "a sent order that waits for its batch whatever its deadline",
    file: "actors/order_writer_behaviour.ts",
    find: "letter.deadlineAt + patienceMs <= at",
    replace: "letter.deadlineAt + patienceMs <= at - 1e9",
    tests: ["unit", "tests/actors/order_writer_test.ts"],
  },
  {
    name: "the old version of a rollup row stays",
    file: "sql/rollups.ts",
    find: "        AND r.version = s.version\n    )\n    INSERT INTO ${table}",
    replace: "        AND r.version = s.version AND false\n    )\n    INSERT INTO ${table}",
    tests: ["all", "tests/sql/fold_test.ts"],
  },
  {
    name: "the version read beside the figures, not with them",
    file: "sql/snapshots.ts",
    find:
      "  const row = await pool.run((sql) => readRow(sql, scope));\n  return figuresOf(scope, row);",
    replace: "  const row = await pool.run((sql) => readRow(sql, scope));\n" +
      "  const { version } = await readNewest(pool);\n" +
      "  return { ...figuresOf(scope, row), version };",
    tests: ["all", "tests/sql/snapshots_test.ts"],
  },
  {
    name: "a cache write without the order check",
    file: "server/live/snapshot_cache.ts",
    find: "    if new < old then return 0 end\n",
    replace: "",
    tests: ["all", "tests/server/snapshot_cache_test.ts"],
  },
  {
    name: "a kept snapshot served after its minute",
    file: "server/live/snapshot_cache.ts",
    find: " or tonumber(kept[2]) ~= now - now % ${MINUTE_MS}",
    replace: "",
    tests: ["all", "tests/server/snapshot_cache_test.ts"],
  },
  {
    name: "an acknowledgement before COMMIT",
    file: "actors/group_commit.ts",
    find: "  let stored: ReadonlyMap<string, StoredOrder>;\n",
    replace: "  for (const { order, letters } of group) {\n" +
      '    const row = { isNew: true, contentHash: order.contentHash, placedAt: "" };\n' +
      "    for (const letter of letters) mailbox.settle(letter, answerOf(order, row, true));\n" +
      "  }\n  let stored: ReadonlyMap<string, StoredOrder>;\n",
    tests: ["unit", "tests/actors/order_writer_test.ts"],
  },
  {
    name: "a refusal after the batch was sent",
    file: "actors/order_refusals.ts",
    find: "letter.maybeStored ? OUTCOME_UNKNOWN : refusal",
    replace: "letter.deadlineAt < 0 ? OUTCOME_UNKNOWN : refusal",
    tests: ["unit", "tests/actors/order_writer_test.ts"],
  },
  {
    name: "a broken pipe taken for a SQLSTATE",
    file: "actors/failure.ts",
    find: `  const severity = propertyOf(error, "severity");`,
    replace: `  const looks = code.length === 5 ? "ERROR" : null;\n` +
      `  const severity = propertyOf(error, "severity") ?? looks;`,
    tests: ["unit", "tests/actors/failure_test.ts"],
  },
  {
    name: "a missing column taken for an order's fault",
    file: "actors/failure.ts",
    find: `  "23": "data",`,
    replace: `  "42": "data",\n  "23": "data",`,
    tests: ["unit", "tests/actors"],
  },
  {
    name: "one batch holds two contents of one key",
    file: "actors/mailbox.ts",
    find: "} else if (parcel.order.contentHash === contentHash) {",
    replace: '} else if (contentHash !== "") {',
    tests: ["unit", "tests/actors/mailbox_test.ts"],
  },
  {
    name: "two folds at once",
    file: "actors/aggregator_machine.ts",
    find:
      `          on: { WAKE: { target: "running_pending", actions: ["noteWake", "countOverlap"] } },`,
    replace: `          on: { WAKE: { target: "#aggregator.folding", reenter: true } },`,
    tests: ["unit", "tests/actors/aggregator_test.ts"],
  },
  {
    name: "a taken lock waited out for the whole interval",
    file: "actors/aggregator_machine.ts",
    find: `      after: { minGap: "folding" },`,
    replace: `      after: { interval: "folding" },`,
    tests: ["unit", "tests/actors/aggregator_test.ts"],
  },
  {
    name: "overflow removed whether it was committed or not",
    file: "actors/drain.ts",
    find: "if (done.length > 0) await source.remove(done);",
    replace: "await source.remove(entries);",
    tests: ["unit", "tests/actors/drain_test.ts"],
  },
  {
    name: "an order that may be in the buffer refused",
    file: "actors/overflow.ts",
    find: "if (!(error instanceof BufferUnreachable)) {",
    replace: "if (error instanceof BufferUnreachable) {",
    tests: ["unit", "tests/actors/overflow_test.ts"],
  },
  {
    name: "a conflict out of the buffer forgotten",
    file: "actors/drain.ts",
    find: `await store.park(order, "conflict", CONFLICT);`,
    replace: "void CONFLICT;",
    tests: ["unit", "tests/actors/drain_test.ts"],
  },
  {
    name: "a spilled key's record forgotten",
    file: "server/spill/scripts.ts",
    find: "redis.call('HSET', KEYS[2], id, entry .. ' ' .. hash)",
    replace: "",
    tests: ["all", "tests/server/spill_test.ts"],
  },
  {
    name: "the blind retry: an order that may be stored gets another id",
    file: "actors/mailbox.ts",
    find: "    this.#waiting = [...still, ...this.#waiting];",
    replace: "    this.#waiting = [\n" +
      "      ...still.map((letter) => ({\n" +
      "        ...letter,\n" +
      "        order: { ...letter.order, orderId: crypto.randomUUID() },\n" +
      "      })),\n" +
      "      ...this.#waiting,\n" +
      "    ];",
    tests: ["unit", "tests/actors/order_writer_test.ts"],
  },
  {
    name: "an unsynced spill",
    file: "server/spill/durability.ts",
    find: `  appendfsync: "always",\n`,
    replace: "",
    tests: ["system", "tests/system/not_durable_test.ts"],
  },
  {
    name: "spilled before a replica has it: WAITAOF's answer not looked at",
    file: "server/spill/durability.ts",
    find: "if (local >= 1 && replicas >= 1) return;",
    replace: "if (local >= 0 && replicas >= 0) return;",
    tests: ["system", "tests/system/not_durable_test.ts"],
  },
  {
    name: "spilled before a replica has it: an order found there taken for a confirmed one",
    file: "server/spill/scripts.ts",
    find: "  redis.call('INCRBY', KEYS[3], 0)\n",
    replace: "",
    tests: ["system", "tests/system/replica_confirms_test.ts"],
  },
  {
    name: "spilled before a replica has it: one that came since the latest look not asked",
    file: "server/spill/durability.ts",
    find: "if (neededReplica || needsReplica) await",
    replace: "void needsReplica;\n  if (neededReplica) await",
    tests: ["system", "tests/system/replica_confirms_test.ts"],
  },
  {
    name: "spilled before a replica has it: one that has left since the latest look forgotten",
    file: "server/spill/durability.ts",
    find: "if (neededReplica || needsReplica) await",
    replace: "void neededReplica;\n  if (needsReplica) await",
    tests: ["system", "tests/system/replica_confirms_test.ts"],
  },
  {
    name: "a replica without a file taken for one that keeps what it gets",
    file: "server/spill/durability.ts",
    find: "    await redis.incrby(counter, 0);\n",
    replace: "    void counter;\n",
    tests: ["system", "tests/system/replica_confirms_test.ts"],
  },
  {
    name: "a silent server given as many chances as a failing one",
    file: "actors/sliding_window.ts",
    find: "latest.every((call) => call.silent)) return true;",
    replace: "latest.every((call) => call.silent && !call.failed)) return true;",
    tests: ["unit", "tests/actors/sliding_window_test.ts"],
  },
  {
    name: "what was inserted forgotten when the second statement fails",
    file: "sql/batch.ts",
    find: "    if (stored.size === 0) throw error;\n    return stored;",
    replace: "    throw error;",
    tests: ["all", "tests/sql/batch_test.ts"],
  },
  {
    name: "a probe that asks nothing of the log",
    file: "sql/batch.ts",
    find: "CASE WHEN ${orders.length} = 0",
    replace: "CASE WHEN ${orders.length} = -1",
    tests: ["all", "tests/sql/batch_test.ts"],
  },
  {
    name: "a kept snapshot served below what is known",
    file: "server/live/known_folds.ts",
    find: "return fold.version >= (this.#changes.get(figures.scope) ?? 0);",
    replace: "return true;",
    tests: ["unit", "tests/server/live_kept_test.ts"],
  },
  {
    name: "a kept snapshot served past its minute",
    file: "server/live/snapshot_cache.ts",
    find: " or tonumber(kept[2]) ~= now - now % ${MINUTE_MS} then return false end",
    replace: " then return false end",
    tests: ["all", "tests/server/snapshot_cache_test.ts"],
  },
  {
    name: "the minute before shown as live",
    file: "server/live/live_hub.ts",
    find: "return this.#stale || this.#clock.isNow(minute);",
    replace: "return this.#stale || minute.length > 0;",
    tests: ["unit", "tests/server/live_minute_test.ts"],
  },
  {
    name: "the turn of the other scopes forgotten",
    file: "server/live/live_hub.ts",
    find: "      this.#turn(); // of all the others: the timer below is set anew\n",
    replace: "",
    tests: ["unit", "tests/server/live_minute_test.ts"],
  },
  {
    name: "a caller answered with a read that began before it asked",
    file: "server/live/shared_reads.ts",
    find: "    const following = this.#following",
    replace: "    if (underWay !== null) return underWay;\n    const following = this.#following",
    tests: ["unit", "tests/server/live_reads_test.ts"],
  },
];
