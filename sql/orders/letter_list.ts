/**
 * The list of dead letters, in keyset pages that are bounded in bytes (page.ts).
 *
 * Tested in tests/sql/orders/dead_letters_test.ts.
 */
import { z } from "zod";
import type { LetterPage, LetterState } from "../../client/contract/dead_letter.ts";
import type { Pool } from "../connection/database.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { letterOf, type LetterRow, ofStore, ruleColumn } from "./dead_letters.ts";
import { ITEM_BYTES, MAX_PAGE_BYTES, pageOf } from "./page.ts";

export interface LetterListOptions {
  /** Null: the letters of all stores. */
  readonly storeId: string | null;
  readonly state: LetterState;
  readonly limit: number;
  readonly cursor: LetterCursor | null;
}

/** Where a page begins: after the letter that failed last at this time and has this id. */
export interface LetterCursor {
  /** ISO 8601 with microseconds, because many letters fail within one millisecond. */
  readonly lastFailedAt: string;
  readonly id: string;
}

/**
 * Letters, the latest failure first. A letter that fails again meanwhile moves to the front. The walk
 * begins at the cursor, or before the latest failure.
 */
export async function listLetters(pool: Pool, options: LetterListOptions): Promise<LetterPage> {
  const { storeId, state, limit, cursor } = options;
  const { lastFailedAt, id } = cursor ?? BEFORE_ALL;
  // The time is sent as text, because the driver cuts the times that it knows to milliseconds.
  const rows = await pool.run((sql) =>
    sql<WalkedRow[]>`
      WITH RECURSIVE walk AS (
        SELECT 0 AS number, 0 AS bytes, ${lastFailedAt}::text::timestamptz AS last_failed_at,
               ${id}::uuid AS letter_id, NULL AS store_id, NULL::uuid AS order_id, NULL AS reason,
               NULL AS code, NULL AS payload, NULL::timestamptz AS placed_at,
               NULL::bigint AS failures, NULL::timestamptz AS first_failed_at,
               NULL::timestamptz AS closed_at, NULL AS closed_by, NULL AS close_note,
               NULL AS replay_payload, NULL AS rule
        UNION ALL
        SELECT number + 1, bytes + ${ITEM_BYTES} + octet_length(concat(
                 next.payload, next.closed_by, next.close_note, next.replay_payload, next.rule)),
               next.*
        FROM walk, LATERAL (
          SELECT last_failed_at, letter_id, store_id, order_id, reason, code,
                 payload::text AS payload, placed_at, failures, first_failed_at, closed_at,
                 closed_by, close_note, replay_payload::text AS replay_payload,
                 ${ruleColumn(sql)}::text AS rule
          FROM dead_letters WHERE state = ${state} ${ofStore(sql, storeId)}
            AND (last_failed_at, letter_id) < (walk.last_failed_at, walk.letter_id)
          ORDER BY last_failed_at DESC, letter_id DESC LIMIT 1
        ) AS next
        WHERE number <= ${limit} AND bytes <= ${MAX_PAGE_BYTES}
      )
      SELECT *, ${state} AS state,
             to_char(last_failed_at AT TIME ZONE 'UTC', ${POSITION_FORMAT}) AS position
      FROM walk WHERE number > 0 ORDER BY number`
  );
  const { page, hasMore } = pageOf(rows, limit);
  const last = page.at(-1);
  return {
    letters: page.map((row) =>
      letterOf({
        ...row,
        payload: JSON.parse(row.payload),
        replay_payload: parsed(row.replay_payload) as LetterRow["replay_payload"],
        rule: parsed(row.rule) as LetterRow["rule"],
      })
    ),
    nextCursor: hasMore && last !== undefined
      ? encodeCursor([last.position, last.letter_id])
      : null,
  };
}

/** A row of the walk, its JSON as text. */
interface WalkedRow extends Omit<LetterRow, "payload" | "replay_payload" | "rule"> {
  readonly bytes: number;
  readonly position: string;
  readonly payload: string;
  readonly replay_payload: string | null;
  readonly rule: string | null;
}

function parsed(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}

/** The cursor of the first page. Each letter comes after it. */
const BEFORE_ALL: LetterCursor = {
  lastFailedAt: "infinity",
  id: "ffffffff-ffff-ffff-ffff-ffffffffffff",
};

/** ISO 8601 with microseconds, in the format language of PostgreSQL. */
const POSITION_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';
const cursorTime = z.string()
  .regex(/^2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  .refine((time) => !Number.isNaN(Date.parse(time)));

/** The cursor in `text`; null when the text is not one of this list. */
export function decodeLetterCursor(text: string): LetterCursor | null {
  const key = decodeCursor(text, cursorTime);
  return key === null ? null : { lastFailedAt: key[0], id: key[1] };
}
