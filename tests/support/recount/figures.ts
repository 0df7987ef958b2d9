/** Figures as the database answers them, for tests of the parts that show them. */
import type { Figures } from "../../../sql/figures/snapshots.ts";
import { MINUTE_MS } from "../../../sql/time.ts";

/** Figures of `version`, read at `readAt` (Unix ms). `parts` replaces what a test is about. */
export function figuresAt(readAt: number, version: number, parts: Partial<Figures> = {}): Figures {
  return {
    scope: "*",
    epoch: 1,
    version,
    fold: version,
    asOf: new Date(readAt - 100).toISOString(),
    foldedAt: new Date(readAt - 100).toISOString(),
    readAt: new Date(readAt).toISOString(),
    minute: new Date(readAt - readAt % MINUTE_MS).toISOString(),
    currencies: [],
    ...parts,
  };
}
