/**
 * The text of a cursor: where a page of a list ended, for the caller to send back.
 *
 * A cursor holds the time and the id of the page's last row, as base64 of JSON. It is no secret and
 * is not signed: a caller who makes one up only begins the list at another place.
 */
import { z } from "zod";

/** The last row of a page: the time that the list is sorted by, and the row's id. */
export type CursorKey = readonly [time: string, id: string];

export function encodeCursor([time, id]: CursorKey): string {
  return btoa(JSON.stringify([time, id]));
}

/**
 * The key in `text`; null when the text is not a cursor of this list.
 * @param time the form of this list's times. PostgreSQL must be able to read each of them.
 */
export function decodeCursor(text: string, time: z.ZodType<string>): CursorKey | null {
  try {
    return z.tuple([time, z.uuid()]).parse(JSON.parse(atob(text)));
  } catch {
    return null;
  }
}
