/**
 * Dead letters: orders that wait for a person, because the database does not take them as they are.
 *
 * `rejected`: a constraint or a type refused the order's content. `conflict`: the order came out of
 * the overflow, and the database holds other content under its key. An outage makes no dead letters.
 * Each order and content has at most one open letter, however often it fails.
 */
import type { BrokenRule } from "../../client/contract/broken_rule.ts";
import type { DeadLetter, LetterReason, LetterState } from "../../client/contract/dead_letter.ts";
import type { Pool, Sql } from "../connection/database.ts";
import { conflictRule } from "./broken_rule.ts";
import { differingFields } from "./difference.ts";
import type { NewOrder } from "./new_order.ts";
import { iso } from "../time.ts";
import type { PlaceInput } from "../../client/contract/order.ts";

export interface LetterRow {
  readonly letter_id: string;
  readonly store_id: string;
  readonly order_id: string;
  readonly state: LetterState;
  readonly reason: LetterReason;
  readonly code: string;
  readonly rule: BrokenRule | null;
  readonly payload: PlaceInput;
  readonly placed_at: Date | null;
  readonly failures: string;
  readonly first_failed_at: Date;
  readonly last_failed_at: Date;
  readonly closed_at: Date | null;
  readonly closed_by: string | null;
  readonly close_note: string | null;
  readonly replay_payload: PlaceInput | null;
}

/** The reason why an order is parked. The fields of a conflict are found when it is parked. */
export type LetterCause =
  | { readonly reason: "rejected"; readonly rule: BrokenRule }
  | { readonly reason: "conflict" };

/** The open letter of a parked order. */
export interface ParkedLetter {
  readonly id: string;
  readonly reason: LetterReason;
  readonly rule: BrokenRule;
  /** False: the order and content had this letter before. */
  readonly isNew: boolean;
}

/** Parks an order. An order and content that have an open letter keep that one. */
export async function parkOrder(
  sql: Sql,
  order: NewOrder,
  cause: LetterCause,
): Promise<ParkedLetter> {
  const { reason } = cause;
  const rule = cause.reason === "rejected" ? cause.rule : await readConflict(sql, order);
  const [row] = await sql<{ letter_id: string; failures: string }[]>`
    INSERT INTO dead_letters (store_id, letter_id, order_id, content_hash, state, reason, code,
                              payload, placed_at, failures, first_failed_at, last_failed_at,
                              rule, rule_failed_at)
    VALUES (${order.storeId}, gen_random_uuid(), ${order.orderId},
            decode(${order.contentHash}, 'hex'), 'open', ${reason}, ${rule.code},
            ${JSON.stringify(placedOf(order))}::text::jsonb, ${order.placedAt}, 1, now(), now(),
            ${JSON.stringify(rule)}::text::jsonb, now())
    ON CONFLICT (store_id, order_id, content_hash) WHERE state = 'open'
    DO UPDATE SET failures = dead_letters.failures + 1, last_failed_at = now(),
                  reason = excluded.reason, code = excluded.code,
                  placed_at = least(dead_letters.placed_at, excluded.placed_at),
                  rule = excluded.rule, rule_failed_at = now()
    RETURNING letter_id, failures`;
  if (row === undefined) throw new Error("INSERT … RETURNING returned no row");
  return { id: row.letter_id, reason, rule, isNew: row.failures === "1" };
}

/** The rule of a conflict. The order is parked also when its fields cannot be compared. */
export async function readConflict(sql: Sql, order: NewOrder): Promise<BrokenRule> {
  return conflictRule(await differingFields(sql, order).catch(() => null));
}

/** The ids of open letters, the one whose latest try is longest ago first. */
export async function listLongestWaiting(
  pool: Pool,
  storeId: string | null,
  limit: number,
): Promise<string[]> {
  const rows = await pool.run((sql) =>
    sql<{ letter_id: string }[]>`
      SELECT letter_id FROM dead_letters WHERE state = 'open' ${ofStore(sql, storeId)}
      ORDER BY last_failed_at, letter_id LIMIT ${limit}`
  );
  return rows.map(({ letter_id }) => letter_id);
}

/** The columns of a letter. */
function columns(sql: Sql) {
  return sql`letter_id, store_id, order_id, state, reason, code, payload, placed_at, failures,
    first_failed_at, last_failed_at, closed_at, closed_by, close_note, replay_payload,
    ${ruleColumn(sql)} AS rule`;
}

/** The rule of the latest failure. It is null when an older version has met that failure. */
export function ruleColumn(sql: Sql) {
  return sql`(CASE WHEN rule_failed_at = last_failed_at THEN rule END)`;
}

/** The letters of this store; null: of all stores. */
export function ofStore(sql: Sql, storeId: string | null) {
  return storeId === null ? sql`` : sql`AND store_id = ${storeId}`;
}

/** The letter; null when no letter has this id. */
export async function readLetter(pool: Pool, id: string): Promise<DeadLetter | null> {
  const [row] = await pool.run((sql) =>
    sql<LetterRow[]>`
      SELECT ${columns(sql)} FROM dead_letters WHERE letter_id = ${id}`
  );
  return row === undefined ? null : letterOf(row);
}

/** An open letter of the order; null when it has none. */
export async function findOpenLetter(
  pool: Pool,
  storeId: string,
  orderId: string,
): Promise<DeadLetter | null> {
  const [row] = await pool.run((sql) =>
    sql<LetterRow[]>`
      SELECT ${columns(sql)} FROM dead_letters
      WHERE store_id = ${storeId} AND order_id = ${orderId} AND state = 'open' LIMIT 1`
  );
  return row === undefined ? null : letterOf(row);
}

export interface OpenLetters {
  readonly count: number;
  /** The rule of the open letter that failed last; null without one, or when it is not known. */
  readonly latestRule: BrokenRule | null;
}

/** Counts the open letters. */
export async function countOpenLetters(pool: Pool): Promise<OpenLetters> {
  const [row] = await pool.run((sql) =>
    sql<{ count: string; rule: BrokenRule | null }[]>`
      SELECT (SELECT count(*) FROM dead_letters WHERE state = 'open') AS count,
             (SELECT CASE WHEN rule_failed_at = last_failed_at THEN rule END FROM dead_letters
              WHERE state = 'open' ORDER BY last_failed_at DESC, letter_id DESC LIMIT 1) AS rule`
  );
  return { count: Number(row?.count), latestRule: row?.rule ?? null };
}

export interface Closing {
  readonly state: "replayed" | "discarded";
  readonly by: string;
  readonly note: string | null;
  /** The corrected order that was placed; null when the original was placed as it is. */
  readonly replayPayload: PlaceInput | null;
}

/**
 * Closes an open letter.
 * @param hasSettledIt true when the replay that closes the letter has settled it by its own commit
 * @returns the closed letter; null when it had been closed before, and nothing was changed
 */
export async function closeLetter(
  pool: Pool,
  id: string,
  closing: Closing,
  hasSettledIt = false,
): Promise<DeadLetter | null> {
  const from = hasSettledIt ? ["open", "settled"] : ["open"];
  const payload = closing.replayPayload === null ? null : JSON.stringify(closing.replayPayload);
  const [row] = await pool.run((sql) =>
    sql<LetterRow[]>`
      UPDATE dead_letters
      SET state = ${closing.state}, closed_at = now(), closed_by = ${closing.by},
          close_note = ${closing.note}, replay_payload = ${payload}::text::jsonb
      WHERE letter_id = ${id} AND state = ANY(${from}::text[])
      RETURNING ${columns(sql)}`
  );
  return row === undefined ? null : letterOf(row);
}

/** Counts a failure of an open letter. The next replay of many begins with other letters. */
export async function countFailure(
  pool: Pool,
  id: string,
  reason: LetterReason,
  rule: BrokenRule,
): Promise<void> {
  await pool.run((sql) =>
    sql`
      UPDATE dead_letters SET failures = failures + 1, last_failed_at = now(),
                              reason = ${reason}, code = ${rule.code},
                              rule = ${JSON.stringify(rule)}::text::jsonb, rule_failed_at = now()
      WHERE letter_id = ${id} AND state = 'open'`
  );
}

/** The order as a client would place it. */
function placedOf(order: NewOrder): PlaceInput {
  return {
    storeId: order.storeId,
    idempotencyKey: order.idempotencyKey,
    currency: order.currency,
    lines: JSON.parse(order.linesJson),
    ...(order.customerRef === null ? {} : { customerRef: order.customerRef }),
    ...(order.metadataJson === "{}" ? {} : { metadata: JSON.parse(order.metadataJson) }),
  };
}

/** The fields that this version knows, in their order, which JSON in the database does not keep. */
function ruleOf({ code, table, column, constraint, function: raisedBy, message }: BrokenRule) {
  return { code, table, column, constraint, function: raisedBy, message };
}

export function letterOf(row: LetterRow): DeadLetter {
  return {
    id: row.letter_id,
    storeId: row.store_id,
    orderId: row.order_id,
    state: row.state,
    reason: row.reason,
    code: row.code,
    rule: row.rule === null ? null : ruleOf(row.rule),
    payload: row.payload,
    placedAt: row.placed_at === null ? null : iso(row.placed_at),
    failures: Number(row.failures),
    firstFailedAt: iso(row.first_failed_at),
    lastFailedAt: iso(row.last_failed_at),
    closedAt: row.closed_at === null ? null : iso(row.closed_at),
    closedBy: row.closed_by,
    closeNote: row.close_note,
    replayPayload: row.replay_payload,
  };
}
