/**
 * The fold moves the journal's rows into the rollups, in one transaction.
 *
 * The transaction is READ COMMITTED and has four steps. It takes the fold's lock or leaves. It
 * reads the clock. It deletes the journal's rows and gets them back. It adds them to the
 * rollups under the next version. The notice for all instances is sent by the caller, after the
 * commit: a notice is a hint, and a hint that fails must not undo a fold.
 *
 * Rows that commit while a fold runs are taken by the next fold. The transaction that counts the
 * rows also deletes them, so a crash at any point leaves both or neither.
 *
 * The clock is read before the DELETE takes its snapshot, so every order committed before it is in
 * the figures or in a row that stays. `asOf` does not pass the oldest of these rows (journal.ts).
 */
import type { Pool, Tx } from "../connection/database.ts";
import { StandbyAlone } from "../connection/failure/standby_alone.ts";
import {
  ALL_STORES,
  type AsOf,
  holdsNewerRows,
  type JournalRow,
  mergeJournal,
  takeJournal,
} from "./journal.ts";
import { addToRollups, markScopes } from "./rollups.ts";
import {
  type IdentityKind,
  type IdentityListener,
  identityOf,
  isSameDatabase,
  withIdentity,
} from "./identity.ts";
import { comparePositions, type Position } from "./position.ts";
import { keptMinutes } from "./retention.ts";
import { iso } from "../time.ts";
import { type Notice, noticeOf } from "./notices.ts";

/** The key of the advisory lock that lets one fold run at a time, over all instances. */
export const FOLD_LOCK = 0x77656972; // "weir"

/**
 * The most entries of the journal's lists that one fold takes. A backlog is folded in several
 * bites, so that no fold outlasts its session's timeouts, and that a store which is up to date waits
 * for a fold of another's orders for less than a second. A bite is short also because the process
 * reads and adds it up: with 3,000 entries that kept orders waiting for 20 ms. An entry of a minute
 * changes four rows of the rollups. An entry of a product changes two. Half of a bite has room for any
 * row of today's batches.
 */
export const MAX_BITE_ENTRIES = 1_500;

/** A fold of an empty journal moves `asOf` at most this often, since each move costs a commit. */
const IDLE_MARK_MS = 1_000;

export interface Folded {
  readonly outcome: "folded";
  readonly epoch: number;
  readonly version: number;
  readonly journalRows: number;
  readonly orders: number;
  /** The time that the oldest of the rows had waited, milliseconds; 0 when there was no row. */
  readonly lagMs: number;
  /** True when the journal held more rows than this bite. */
  readonly more: boolean;
  /** The notice for all instances, to be sent after the commit; null when nothing changed. */
  readonly notice: Notice | null;
}

export type FoldResult = Folded | { readonly outcome: "locked" };

/**
 * Folds the journal.
 * @param known the newest position that this database was seen to have. A database that has an
 *   older one now went back in time, and a new epoch begins.
 * @param mostEntries the most entries to take. One row is taken even when it has more.
 * @param onIdentity hears whether the server tells the database's identity.
 * @returns `locked` when another instance is folding right now; then nothing was done.
 * @throws what the driver throws. The transaction is then rolled back or its outcome is unknown. In
 *   both cases the next fold goes on from the rows that the database holds.
 */
export function foldJournal(
  pool: Pool,
  known: Position | null = null,
  mostEntries = MAX_BITE_ENTRIES,
  onIdentity?: IdentityListener,
): Promise<FoldResult> {
  const foldWith = (kind: IdentityKind) =>
    pool.transaction((tx) => fold(tx, known, mostEntries, kind));
  return withIdentity(pool, foldWith, onIdentity);
}

async function fold(
  tx: Tx,
  known: Position | null,
  mostEntries: number,
  identity: IdentityKind,
): Promise<FoldResult> {
  const [lock] = await tx<{ got: boolean; is_standby: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(${FOLD_LOCK}) AS got, pg_is_in_recovery() AS is_standby`;
  if (lock?.is_standby === true) throw new StandbyAlone();
  if (lock?.got !== true) return { outcome: "locked" };
  const before = await readMark(tx, identity);
  const goesOn = before.sameDatabase && (known === null || comparePositions(before, known) >= 0);
  const epoch = goesOn ? before.epoch : await beginEpoch(tx, known?.epoch ?? 0, identity);
  const { rows, more, asOf: reached } = await takeJournal(tx, mostEntries, before.now, before.asOf);
  const deltas = mergeJournal(rows);
  // Orders may wait in the journal for a newer version of Weir. `asOf` must not pass them.
  const asOf = await holdsNewerRows(tx) ? before.asOf : reached;

  const folded = {
    outcome: "folded",
    epoch,
    journalRows: rows.length,
    orders: rows.reduce((sum, row) => sum + Number(row.orders), 0),
    lagMs: rows.length === 0 ? 0 : Date.parse(before.now) - oldestOf(rows),
    more,
  } as const;
  if (rows.length === 0 && goesOn) {
    if (before.idleMs >= IDLE_MARK_MS && asOf !== before.asOf) {
      await markScopes(tx, [ALL_STORES], String(before.version), asOf);
    }
    return { ...folded, version: before.version, notice: null };
  }
  const version = before.version + 1;
  const minutes = keptMinutes(deltas.minutes, new Date(before.now));
  await addToRollups(tx, { ...deltas, minutes }, String(version), asOf);
  if (rows.length === 0) await markScopes(tx, [ALL_STORES], String(version), asOf);
  const notice = noticeOf({
    epoch,
    version,
    scopes: goesOn ? deltas.scopes : "all",
    writtenAt: rows.length === 0 ? null : iso(oldestOf(rows)),
  });
  return { ...folded, version, notice };
}

interface Mark extends Position {
  readonly asOf: AsOf;
  readonly now: string;
  /** The time since `asOf` last moved. */
  readonly idleMs: number;
  /** False when the epoch began on another database, timeline or start of the server. */
  readonly sameDatabase: boolean;
}

/** The position of the last fold, and the clock that becomes this fold's `asOf`. */
async function readMark(tx: Tx, identity: IdentityKind): Promise<Mark> {
  const [row] = await tx<
    {
      epoch: string;
      same: boolean;
      version: string | null;
      as_of: string;
      stores_as_of: string;
      now: string;
      idle: string;
    }[]
  >`
    SELECT e.epoch, v.version, coalesce(v.as_of, e.begun_at)::text AS as_of,
           coalesce(v.stores_as_of, v.as_of, e.begun_at)::text AS stores_as_of,
           clock_timestamp()::text AS now,
           extract(epoch FROM clock_timestamp() - coalesce(v.as_of, e.begun_at)) * 1000 AS idle,
           ${isSameDatabase(tx, identity)} AS same
    FROM (SELECT * FROM epochs ORDER BY epoch DESC LIMIT 1) AS e
    CROSS JOIN ${identityOf(tx, identity)} AS i
    LEFT JOIN LATERAL (
      SELECT version, as_of, stores_as_of FROM scope_versions WHERE scope = ${ALL_STORES}
      ORDER BY version DESC, as_of DESC LIMIT 1
    ) AS v ON true`;
  if (row === undefined) throw new Error("the table epochs is empty: a migration put a row there");
  return {
    epoch: Number(row.epoch),
    version: Number(row.version ?? 0),
    asOf: { all: row.as_of, stores: row.stores_as_of },
    now: row.now,
    idleMs: Number(row.idle),
    sameDatabase: row.same,
  };
}

/**
 * Begins the next epoch on the database as it is now. The epoch is numbered by the clock, in
 * milliseconds, because a database that went back in time has forgotten the epochs it gave out.
 * @param known an epoch that was given out; the new one is greater.
 */
export async function beginEpoch(
  tx: Tx,
  known: number,
  identity: IdentityKind,
): Promise<number> {
  const [row] = await tx<{ epoch: string }[]>`
    INSERT INTO epochs (epoch, identity, timeline, started_at, begun_at)
    SELECT greatest((SELECT max(epoch) + 1 FROM epochs), ${known}::bigint + 1,
                    (extract(epoch FROM clock_timestamp()) * 1000)::bigint),
           identity, timeline, started_at, clock_timestamp()
    FROM ${identityOf(tx, identity)} AS i
    RETURNING epoch`;
  return Number(row?.epoch);
}

/** The time at which the oldest of the rows was written, Unix milliseconds. */
function oldestOf(rows: readonly JournalRow[]): number {
  return Math.min(...rows.map((row) => row.written_at.getTime()));
}
