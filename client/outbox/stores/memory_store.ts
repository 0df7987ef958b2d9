/**
 * A store in memory: orders survive an outage of Weir, and not the end of the program.
 *
 * Tested in tests/client/outbox/stores_test.ts.
 */
import type { OutboxEntry } from "../entry.ts";
import type { OutboxStore } from "../outbox_store.ts";

export function memoryStore(): OutboxStore {
  const entries = new Map<string, OutboxEntry>();
  return {
    load: () => Promise.resolve([...entries.values()]),
    insert: (entry) => {
      const kept = entries.get(entry.orderId) ?? entry;
      entries.set(entry.orderId, kept);
      return Promise.resolve(kept);
    },
    update: (orderId, next) => {
      const known = entries.get(orderId);
      const kept = known === undefined ? undefined : next(known);
      if (kept !== undefined) entries.set(orderId, kept);
      return Promise.resolve(kept);
    },
    remove: (orderIds) => Promise.resolve(orderIds.forEach((id) => entries.delete(id))),
    asSender: (work) => work(),
    watch: () => () => undefined,
    close: () => Promise.resolve(),
  };
}
