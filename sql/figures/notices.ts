/**
 * Notices: what a fold tells every instance, by NOTIFY and by Redis alike.
 *
 * A notice names the version a fold made and the scopes it changed. It is a hint and never the
 * truth: whoever gets one reads the database. One that is lost costs time, not exactness.
 */
import { z } from "zod";

/** The channel of NOTIFY; channels are per database, so one name serves every deployment. */
export const NOTICE_CHANNEL = "weir_folds";

/** PostgreSQL refuses a payload over 8,000 bytes, and with it the fold that sends it. */
const MAX_SCOPES_BYTES = 4_000; // scopes are ASCII, so characters are bytes

const noticeShape = z.object({
  format: z.literal(1),
  epoch: z.int(),
  version: z.int(),
  /** "all" when too many changed to name them. */
  scopes: z.union([z.literal("all"), z.array(z.string())]),
  /** When the oldest of the changes was written to the journal, by the database's clock. */
  writtenAt: z.iso.datetime().nullable(),
});

export type Notice = z.output<typeof noticeShape>;

/** A notice of what changed, short enough for every way it goes. */
export function noticeOf(fold: Omit<Notice, "format">): Notice {
  const fits = JSON.stringify(fold.scopes).length < MAX_SCOPES_BYTES;
  return { format: 1, ...fold, scopes: fits ? fold.scopes : "all" };
}

/** The notice in `payload`; null for one of a format that this version does not know. */
export function parseNotice(payload: string): Notice | null {
  try {
    return noticeShape.parse(JSON.parse(payload));
  } catch {
    return null;
  }
}
