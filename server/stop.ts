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
 * @param http null: it did not come about.
 * @param timeoutMs past it, calls that still hang on the database are cut off from it.
 */
export async function stopParts(
  parts: Parts,
  http: HttpServer | null,
  timeoutMs: number,
): Promise<void> {
  const { database, folding } = parts;
  const cut = setTimeout(() => void database.cut(), timeoutMs);
  await parts.writer.stop(timeoutMs);
  await folding.aggregator.stop();
  // Sockets before subscriptions: a subscription that ends while its socket is open is over for
  // good in tRPC's client. One that loses its socket goes on at another instance.
  const callsEnded = http?.stop(LAST_CALLS_MS);
  parts.statusBoard.stop();
  await parts.hub.stop();
  await callsEnded;
  await parts.drainer?.stop();
  await parts.overflow?.stop();
  await parts.bus.stop();
  await Promise.all([
    parts.letterCount.stop(),
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
