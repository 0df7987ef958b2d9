/** Mistakes that would make a dashboard show too much, too little, or something older. */
import type { Mutant } from "./mutant.ts";

export const DASHBOARDS: readonly Mutant[] = [
  {
    name: "a fold without the lock",
    file: "sql/figures/fold.ts",
    find: `  if (lock?.got !== true) return { outcome: "locked" };\n`,
    replace: '  if (lock === undefined) return { outcome: "locked" };\n',
    tests: ["all", "tests/sql/figures/fold_test.ts"],
  },
  {
    name: "a fold that leaves the journal as it is",
    file: "sql/figures/journal.ts",
    find: "DELETE FROM journal WHERE batch_id = ANY((SELECT ids FROM taken)::uuid[])\n",
    replace:
      "DELETE FROM journal WHERE batch_id = ANY((SELECT ids FROM taken)::uuid[]) AND false\n",
    tests: ["all", "tests/sql/figures/fold_test.ts"],
  },
  {
    name: "a bite of any size",
    file: "sql/figures/journal.ts",
    find: "OR (entries <= ${mostEntries} AND NOT (",
    replace: "OR (${mostEntries} > 0 AND NOT (",
    tests: ["all", "tests/sql/figures/bites_test.ts"],
  },
  {
    name: "a cancellation is folded before its order",
    file: "sql/figures/journal.ts",
    find: "t.orders = 0 AND EXISTS (",
    replace: "t.orders < 0 AND EXISTS (",
    tests: ["all", "tests/sql/figures/bites_test.ts"],
  },
  {
    name: "asOf passes what a bite left in the journal",
    file: "sql/figures/journal.ts",
    find: "coalesce(any_row, 'infinity')",
    replace: "'infinity'",
    tests: ["all", "tests/sql/figures/bites_test.ts"],
  },
  {
    name: "asOf taken after the DELETE",
    file: "sql/figures/fold.ts",
    find: "  const asOf = await holdsNewerRows(tx) ? before.asOf : reached;\n",
    replace: "  const { now: all } = await readMark(tx, identity);\n" +
      "  const late = more ? reached : { all, stores: all };\n" +
      "  const asOf = await holdsNewerRows(tx) ? before.asOf : late;\n",
    tests: ["all", "tests/sql/figures/fold_test.ts"],
  },
  {
    name: "a created_at cursor instead of the journal",
    file: "sql/figures/journal.ts",
    find: "FROM journal WHERE format <= ${JOURNAL_FORMAT} LIMIT ${MAX_SEEN_ROWS}",
    replace: "FROM journal WHERE format <= ${JOURNAL_FORMAT}\n" +
      "        AND written_at >= coalesce((SELECT max(as_of) FROM scope_versions), '-infinity')\n" +
      "      LIMIT ${MAX_SEEN_ROWS}",
    tests: ["all", "tests/sql/figures/fold_test.ts"],
  },
  {
    name: "publish before COMMIT",
    file: "sql/figures/fold.ts",
    find: "    pool.transaction((tx) => fold(tx, known, mostEntries, kind));\n",
    replace: "    new Promise<FoldResult>((resolve, reject) => {\n" +
      "      pool.transaction(async (tx) => {\n" +
      "        resolve(await fold(tx, known, mostEntries, kind));\n" +
      "        await new Promise((done) => setTimeout(done, 50));\n" +
      "      }).catch(reject);\n" +
      "    });\n",
    tests: ["all", "tests/server/figures/folding_test.ts"],
  },
  {
    name: "a notice in the transaction of its fold",
    file: "sql/figures/fold.ts",
    find: "  return { ...folded, version, notice };\n",
    replace: "  await tx`SELECT pg_notify('weir_folds', ${JSON.stringify(notice)})`;\n" +
      "  return { ...folded, version, notice };\n",
    tests: ["all", "tests/server/cli/rollups_test.ts"],
  },
  {
    name: "an echo that could not be sent ends the listener",
    file: "server/figures/bus.ts",
    find: 'if (echo === "sent") listener.renew();',
    replace: 'if (echo !== "heard") listener.renew();',
    tests: ["all", "tests/server/figures/bus_test.ts"],
  },
  {
    name: "a database that went back in time taken for the same",
    file: "sql/figures/fold.ts",
    find: "(known === null || comparePositions(before, known) >= 0)",
    replace: "(known === null || comparePositions(before, known) >= -Infinity)",
    tests: ["all", "tests/sql/figures/fold_test.ts"],
  },
  {
    name: "a database that was started again taken for the same",
    file: "sql/figures/identity.ts",
    find: "e.started_at IS NOT DISTINCT FROM i.started_at",
    replace: "true",
    tests: ["all", "tests/sql/figures/fold_test.ts"],
  },
  {
    name: "a rebuild that takes its snapshot before the fold's lock",
    file: "sql/figures/rebuild.ts",
    find: "if (!await takeSessionLock(session, FOLD_LOCK, LOCK_TIMEOUT_MS)) throw",
    replace: "if (!await takeSessionLock(session, FOLD_LOCK + 1, LOCK_TIMEOUT_MS)) throw",
    tests: ["all", "tests/sql/figures/rebuild_test.ts"],
  },
  {
    name: "a rebuild that forgets the journal",
    file: "sql/figures/rebuild.ts",
    find: "  await tx`DELETE FROM journal`;\n",
    replace: "",
    tests: ["all", "tests/sql/figures/rebuild_test.ts"],
  },
  {
    name: "an audit that calls pending folds drift",
    file: "sql/figures/audit/pending.ts",
    find: "WHERE store_id = ${storeId} AND minute >= ${from} AND minute < ${to}",
    replace: "WHERE store_id = ${storeId} AND minute >= ${to} AND minute < ${from}",
    tests: ["all", "tests/sql/figures/audit/audit_test.ts"],
  },
  {
    name: "an audit that calls a product whose fold is pending drift",
    file: "sql/figures/audit/pending.ts",
    find: "WHERE store_id = ${storeId} AND day = ${day}",
    replace: "WHERE store_id = ${storeId} AND day > ${day}",
    tests: ["all", "tests/sql/figures/audit/audit_test.ts"],
  },
  {
    name: "an audit that compares one column too few",
    file: "sql/figures/audit/drift.ts",
    find: 'HAVING ${each((name) => `sum(side * ${name}) <> 0`, " OR ")}',
    replace: 'HAVING ${each((name) => `sum(side * ${name}) <> 0`, " AND ")}',
    tests: ["all", "tests/sql/figures/audit/audit_test.ts"],
  },
  {
    name: "the old version of a rollup row stays",
    file: "sql/figures/rollups.ts",
    find: "        AND r.version = s.version\n    )\n    INSERT INTO ${table}",
    replace: "        AND r.version = s.version AND false\n    )\n    INSERT INTO ${table}",
    tests: ["all", "tests/sql/figures/fold_test.ts"],
  },
  {
    name: "the version read beside the figures, not with them",
    file: "sql/figures/snapshots.ts",
    find:
      "  const row = await pool.run((sql) => readRow(sql, scope));\n  return figuresOf(scope, row);",
    replace: "  const row = await pool.run((sql) => readRow(sql, scope));\n" +
      "  const { version } = await readNewest(pool);\n" +
      "  return { ...figuresOf(scope, row), version };",
    tests: ["all", "tests/sql/figures/snapshots_test.ts"],
  },
  {
    name: "a cache write without the order check",
    file: "server/live/snapshot_cache.ts",
    find: "    if new < old then return 0 end\n",
    replace: "",
    tests: ["all", "tests/server/live/snapshot_cache_test.ts"],
  },
  {
    name: "a kept snapshot served after its minute",
    file: "server/live/snapshot_cache.ts",
    find: " or tonumber(kept[2]) ~= now - now % ${MINUTE_MS}",
    replace: "",
    tests: ["all", "tests/server/live/snapshot_cache_test.ts"],
  },
  {
    name: "two folds at once",
    file: "actors/aggregator/machine.ts",
    find:
      `          on: { WAKE: { target: "running_pending", actions: ["noteWake", "countOverlap"] } },`,
    replace: `          on: { WAKE: { target: "#aggregator.folding", reenter: true } },`,
    tests: ["unit", "tests/actors/aggregator/aggregator_test.ts"],
  },
  {
    name: "a taken lock waited out for the whole interval",
    file: "actors/aggregator/machine.ts",
    find: `      after: { minGap: "folding" },`,
    replace: `      after: { interval: "folding" },`,
    tests: ["unit", "tests/actors/aggregator/aggregator_test.ts"],
  },
  {
    name: "a kept snapshot served below what is known",
    file: "server/live/known_folds.ts",
    find: "return fold.version >= (this.#changes.get(figures.scope) ?? 0);",
    replace: "return true;",
    tests: ["unit", "tests/server/live/live_kept_test.ts"],
  },
  {
    name: "a kept snapshot served past its minute",
    file: "server/live/snapshot_cache.ts",
    find: " or tonumber(kept[2]) ~= now - now % ${MINUTE_MS} then return false end",
    replace: " then return false end",
    tests: ["all", "tests/server/live/snapshot_cache_test.ts"],
  },
  {
    name: "the minute before shown as live",
    file: "server/live/database_health.ts",
    find: "return this.isSilent || this.#clock.isNow(minute);",
    replace: "return this.isSilent || minute.length > 0;",
    tests: ["unit", "tests/server/live/live_minute_test.ts"],
  },
  {
    name: "the new minute of the other scopes forgotten",
    file: "server/live/minute_timer.ts",
    find: "      this.onMinuteTurned();\n    }\n",
    replace: "    }\n",
    tests: ["unit", "tests/server/live/live_minute_test.ts"],
  },
  {
    name: "a caller answered with a read that began before it asked",
    file: "server/live/shared_reads.ts",
    find: "    const following = this.#following",
    replace: "    if (underWay !== null) return underWay;\n    const following = this.#following",
    tests: ["unit", "tests/server/live/live_reads_test.ts"],
  },
  {
    name: "a subscriber is given another scope's frame",
    file: "server/live/updates/shared_text.ts",
    find: `TEXTS.get(shared);
  if (text === undefined) {
    text = Buffer.from(JSON.stringify(shared));
    TEXTS.set(shared, text);`,
    replace: `TEXTS.get(TEXTS);
  if (text === undefined) {
    text = Buffer.from(JSON.stringify(shared));
    TEXTS.set(TEXTS, text);`,
    tests: ["unit", "tests/server/front/frames/frame_text_test.ts"],
  },
  {
    name: "a frame goes to another subscription of its connection",
    file: "server/front/frames/call_ids.ts",
    find: "params.input = { [ID]: id };",
    replace: "params.input = { [ID]: 1 };",
    tests: ["unit", "tests/server/front/frames/call_ids_test.ts"],
  },
  {
    name: "an event of a dashboard has no id to resume from",
    file: "server/front/frames/frame_text.ts",
    find: "\\nid: ${eventId}\\n\\n\\n",
    replace: "\\n\\n\\n",
    tests: ["unit", "tests/server/front/frames/frame_text_test.ts"],
  },
  {
    name: "the last event of tRPC's stream is lost beside a frame past it",
    file: "server/front/event_stream.ts",
    find: "      this.#made = made;\n",
    replace: "      if (this.#unread.length === 0) this.#made = made;\n",
    tests: ["unit", "tests/server/front/event_stream_test.ts"],
  },
  {
    name: "a call of very many lines keeps every other caller waiting",
    file: "server/router/place_many.ts",
    find: "lines > LINES_AT_ONCE",
    replace: "lines > 1e6 * LINES_AT_ONCE",
    tests: ["unit", "tests/server/router/place_many_test.ts"],
  },
  {
    name: "a frame of more than 64 KiB has the head of a smaller one",
    file: "server/front/frames/frame_text.ts",
    find: "size <= 0xffff ? 4",
    replace: "size <= 0x1ffff ? 4",
    tests: ["unit", "tests/server/front/frames/frame_text_test.ts"],
  },
];
