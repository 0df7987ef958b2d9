/**
 * Notices: the messages of a fold to all instances, by NOTIFY and by Redis.
 *
 * A notice names the version that the fold made and the scopes that it changed. It is only a hint:
 * an instance that gets one reads the database. A lost notice costs time, not exactness.
 */
import { z } from "zod";

/** The channel of NOTIFY. Each database has its own channels, so the name is always the same. */
export const NOTICE_CHANNEL = "weir_folds";

/** PostgreSQL refuses a payload over 8,000 bytes, and the fold would fail with it. */
const MAX_SCOPES_BYTES = 4_000; // scopes are ASCII, so characters are bytes

const noticeShape = z.object({
  format: z.literal(1),
  epoch: z.int(),
  version: z.int(),
  /** "all" when the names of the changed scopes would not fit. */
  scopes: z.union([z.literal("all"), z.array(z.string())]),
  /** When the oldest of the changes was written to the journal, by the database's clock. */
  writtenAt: z.iso.datetime().nullable(),
});

export type Notice = z.output<typeof noticeShape>;

/** The notice of a fold, short enough for NOTIFY. */
export function noticeOf(fold: Omit<Notice, "format">): Notice {
  const fits = JSON.stringify(fold.scopes).length < MAX_SCOPES_BYTES;
  return { format: 1, ...fold, scopes: fits ? fold.scopes : "all" };
}

/** The notice in `payload`; null for a format that this version does not know. */
export function parseNotice(payload: string): Notice | null {
  try {
    return noticeShape.parse(JSON.parse(payload));
  } catch {
    return null;
  }
}
