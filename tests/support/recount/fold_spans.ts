/**
 * The time of each fold, as the database sees it. Triggers of the test write down when a fold took
 * the journal and when it came to its COMMIT, on any instance.
 */
import { assert } from "@std/assert";
import type { TestSql } from "../services/database.ts";

export interface FoldSpan {
  /** The process of the session. */
  readonly pid: number;
  readonly begunAt: Date;
  readonly endedAt: Date;
}

/** Starts writing spans down. A fold that is rolled back leaves none. */
export async function keepSpans(sql: TestSql): Promise<void> {
  await sql.unsafe(`
    create table fold_spans (fold xid8 primary key, pid int not null,
                             begun_at timestamptz not null, ended_at timestamptz);
    create function begin_span() returns trigger language plpgsql as $$
      begin
        insert into fold_spans values (pg_current_xact_id(), pg_backend_pid(), clock_timestamp());
        return null;
      end $$;
    create function end_span() returns trigger language plpgsql as $$
      begin
        update fold_spans set ended_at = clock_timestamp() where fold = new.fold;
        return null;
      end $$;
    create trigger begin_span before delete on journal for each statement
      execute function begin_span();
    create constraint trigger end_span after insert on fold_spans deferrable initially deferred
      for each row execute function end_span();`);
}

/** All spans, in the order in which they began. */
export async function readSpans(sql: TestSql): Promise<FoldSpan[]> {
  return await sql<FoldSpan[]>`
    select pid, begun_at as "begunAt", ended_at as "endedAt" from fold_spans order by begun_at`;
}

/** @throws AssertionError when a fold took the journal before the previous fold was over. */
export function expectApart(spans: readonly FoldSpan[]): void {
  for (const [index, span] of spans.entries()) {
    const before = spans[index - 1];
    if (before === undefined) continue;
    assert(
      span.begunAt >= before.endedAt,
      `a fold of session ${span.pid} began at ${span.begunAt.toISOString()}, and the one of ` +
        `session ${before.pid} ended at ${before.endedAt.toISOString()}`,
    );
  }
}
