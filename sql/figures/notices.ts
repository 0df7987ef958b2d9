/**
 * Notices: after each fold one goes to every instance, both by NOTIFY and by Redis.
 *
 * A notice names the version that the fold made and the scopes that it changed. A notice is a hint
 * and never the truth: an instance that gets one reads the database. A lost notice costs time, not
 * exactness.
 */
import { z } from "zod";
import { codeOf } from "../connection/failure.ts";
import { SQLSTATE } from "../connection/failure/codes.ts";
import type { Sql } from "../connection/driver.ts";

/**
 * The channel of NOTIFY. Each database has its own channels, so one name serves all deployments.
 */
export const NOTICE_CHANNEL = "weir_folds";

/** PostgreSQL refuses a payload over 8,000 bytes. */
const MAX_SCOPES_BYTES = 4_000; // scopes are ASCII, so characters are bytes

const noticeShape = z.object({
  format: z.literal(1),
  epoch: z.int(),
  version: z.int(),
  /** "all" when too many scopes changed to name them. */
  scopes: z.union([z.literal("all"), z.array(z.string())]),
  /** The database's clock when the oldest of the changes was written to the journal. */
  writtenAt: z.iso.datetime().nullable(),
});

export type Notice = z.output<typeof noticeShape>;

/** The notice of a fold, short enough for NOTIFY and for Redis. */
export function noticeOf(fold: Omit<Notice, "format">): Notice {
  const fits = JSON.stringify(fold.scopes).length < MAX_SCOPES_BYTES;
  return { format: 1, ...fold, scopes: fits ? fold.scopes : "all" };
}

/** A notice waits this long for the lock that all NOTIFYs of a server share. */
const LOCK_TIMEOUT_MS = 500;

/**
 * Sends payloads by NOTIFY, in a statement of its own.
 *
 * A transaction that notifies takes a lock of the whole server when it commits, keeps it until its
 * commit is on disk and on the standby, and fails when the server's queue is full. So no other work
 * may be in it. A commit that stores nothing waits for nothing. Another session's may wait for long,
 * and no time-out of a statement is in force during a commit: hence the time-out of the lock.
 * @throws what the driver throws. Nobody has heard the payloads then, or everybody has.
 */
export async function notify(sql: Sql, payloads: readonly string[]): Promise<void> {
  try {
    await sql`
      SELECT set_config('lock_timeout', ${String(LOCK_TIMEOUT_MS)}, true),
             pg_notify(${NOTICE_CHANNEL}, payload)
      FROM unnest(${[...payloads]}::text[]) AS payload`;
  } catch (error) {
    // A full queue is emptied by a NOTIFY that succeeds, or by this question.
    if (codeOf(error) === SQLSTATE.programLimitExceeded) {
      await sql`SELECT pg_notification_queue_usage()`;
    }
    throw error;
  }
}

/** The notice in `payload`; null when this version does not know its format. */
export function parseNotice(payload: string): Notice | null {
  try {
    return noticeShape.parse(JSON.parse(payload));
  } catch {
    return null;
  }
}
