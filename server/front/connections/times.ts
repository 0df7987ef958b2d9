/**
 * Times of connections.
 *
 * Tested in tests/system/door/silent_connections_test.ts.
 */

/** The head of a request must arrive within this time. Slow lines need a second. */
export const HEADERS_TIMEOUT_MS = 10_000;
/** A connection between two requests. Proxies keep theirs for 60 s, and should be the first to end it. */
export const IDLE_TIMEOUT_MS = 75_000;
