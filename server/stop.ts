/**
 * The stop of one instance: everything that runs, in the one order in which it ends.
 *
 * Tested in tests/server/service_stop_test.ts.
 */
import type { HttpServer } from "./front/http.ts";
import type { Parts } from "./parts.ts";
import { closeRedis } from "./redis/connection.ts";

/** Calls under way have this long to end, after the orders among them were answered. */
const LAST_CALLS_MS = 1_000;

/**
 * Stops an instance: orders first, since their callers wait; then dashboards; then connections.
 * @param http null when the HTTP server did not start.
 * @param timeoutMs after this time, calls that still wait for the database are cut off.
 */
export async function stopParts(
  parts: Parts,
  http: HttpServer | null,
  timeoutMs: number,
): Promise<void> {
  const { database, folding } = parts;
  const cut = setTimeout(() => void database.cut(), timeoutMs);
  await parts.problems.stop(); // a part that ends from here on is no problem
  await parts.writer.stop(timeoutMs);
  await folding.aggregator.stop();
  // The sockets close before the subscriptions end. A subscription that ends while its socket is
  // open is over for good in tRPC's client. A subscription that loses its socket goes on at another
  // instance.
  const callsEnded = http?.stop(LAST_CALLS_MS);
  parts.statusBoard.stop();
  await parts.hub.stop();
  await callsEnded;
  await parts.drainer?.stop();
  parts.letterLog.stop();
  await parts.overflow?.stop();
  await parts.bus.stop();
  await Promise.all([
    parts.backlog.stop(),
    parts.letterCount.stop(),
    parts.rateLimit.stop(),
    parts.auditor.stop(),
    parts.retention.stop(),
    folding.stopHistory(),
  ]);
  await Promise.all([
    parts.cacheRedis === null ? undefined : closeRedis(parts.cacheRedis),
    database.end(),
  ]);
  clearTimeout(cut);
}
