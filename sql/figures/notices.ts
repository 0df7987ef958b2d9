/**
 * Notices: a fold sends one to every instance, both by NOTIFY and by Redis.
 *
 * A notice names the version that the fold made and the scopes that it changed. A notice is a hint
 * and never the truth: an instance that gets one reads the database. A lost notice costs time, not
 * exactness.
 */
import { z } from "zod";

/**
 * The channel of NOTIFY. Each database has its own channels, so one name serves all deployments.
 */
export const NOTICE_CHANNEL = "weir_folds";

/** PostgreSQL refuses a payload over 8,000 bytes, and the fold that sends it fails with it. */
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

/** The notice in `payload`; null when this version does not know its format. */
export function parseNotice(payload: string): Notice | null {
  try {
    return noticeShape.parse(JSON.parse(payload));
  } catch {
    return null;
  }
}
