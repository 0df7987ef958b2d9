/** Mistakes in the client that ships. */
import type { Mutant } from "./mutant.ts";

export const CLIENT: readonly Mutant[] = [
  {
    name: "the client forgets a try without an answer",
    file: "client/orders/tries.ts",
    find: "this.#mayBeStored = true;",
    replace: "this.#mayBeStored = false;",
    tests: ["unit", "tests/client/orders/tries_test.ts"],
  },
  {
    name: "the client makes a new key for each try",
    file: "client/orders/place.ts",
    find: "const input = { ...order, deadlineMs: serverMs };",
    replace:
      "const input = { ...order, idempotencyKey: crypto.randomUUID(), deadlineMs: serverMs };",
    tests: ["all", "tests/client/orders/place_test.ts"],
  },
  {
    name: "the client tries an order again that cannot pass",
    file: "client/api/verdict.ts",
    find: 'invalid_input: "content",',
    replace: 'invalid_input: "for_now",',
    tests: ["unit", "tests/client/api/verdict_test.ts"],
  },
  {
    name: "the client lets a runtime send an order twice",
    file: "client/api/fetch_once.ts",
    find: "if (!streamsBodies || typeof",
    replace: "if (streamsBodies || typeof",
    tests: ["unit", "tests/client/api/fetch_once_test.ts"],
  },
  {
    name: "the client does not slow down when it is refused",
    file: "client/orders/pace.ts",
    find: "this.#limit = Math.max(1, Math.min(this.#limit, this.#underWay) / 2);",
    replace: "this.#limit = Math.max(1, this.#limit);",
    tests: ["unit", "tests/client/orders/pace_test.ts"],
  },
  {
    name: "the outbox sends before it has written that it does",
    file: "client/outbox/sender.ts",
    find: "isTaken = !(await kept.keep(sent));",
    replace: "void sent;",
    tests: ["all", "tests/client/outbox/outbox_test.ts"],
  },
  {
    name: "the outbox fails where its listener does",
    file: "client/listeners.ts",
    find: "for (const listener of [...this.#all]) tellOne(listener, state);",
    replace: "for (const listener of [...this.#all]) listener(state);",
    tests: ["all", "tests/client/outbox/outbox_test.ts"],
  },
  {
    name: "the outbox takes a try that was under way for none",
    file: "client/outbox/entry.ts",
    find: 'return mayBeStored || before === "unknown" || before === "sent" ?',
    replace: 'return mayBeStored || before === "unknown" ?',
    tests: ["unit", "tests/client/outbox/entry_test.ts"],
  },
  {
    name: "the outbox lets a slow tab take back what the store knows",
    file: "client/outbox/kept_entries.ts",
    find: "isKept = mayReplace(known, entry);",
    replace: "isKept = known.orderId === entry.orderId;",
    tests: ["all", "tests/client/outbox/stores_test.ts"],
  },
  {
    name: "the outbox forgets a result that its store cannot keep",
    file: "client/outbox/kept_entries.ts",
    find: "this.#owed.set(entry.orderId, entry);",
    replace: "this.#owed.delete(entry.orderId);",
    tests: ["unit", "tests/client/outbox/kept_entries_test.ts"],
  },
  {
    name: "the outbox tries all orders while there is no network",
    file: "client/outbox/sender.ts",
    find: "if (this.#pause.isOn) return",
    replace: "if (this.#pause.isOn && due.length === 0) return",
    tests: ["unit", "tests/client/outbox/sender_test.ts"],
  },
  {
    name: "the outbox takes the try of a killed sender for none",
    file: "client/outbox/entry.ts",
    find: 'return entry.state === "sent" ? { ...entry, state: "unknown", changedAt: at } : entry;',
    replace:
      'return entry.state === "sent" ? { ...entry, state: "waiting", changedAt: at } : entry;',
    tests: ["unit", "tests/client/outbox/entry_test.ts"],
  },
  {
    name: "a file of the outbox is not cut back after half of a line",
    file: "client/outbox/stores/file_store.ts",
    find: "const torn = lines.pop()!;",
    replace: 'const torn = lines.at(-1) ?? "";',
    tests: ["all", "tests/client/outbox/file_store_test.ts"],
  },
  {
    name: "a lock of the outbox is held by whoever has its process id",
    file: "client/outbox/stores/lock_file.ts",
    find: "return birth === told;",
    replace: 'return birth !== "";',
    tests: ["all", "tests/client/outbox/file_store_test.ts"],
  },
  {
    name: "live figures begin anew where they should go on",
    file: "client/live/live.ts",
    find: "this.parts.subscribe(this.#lastEventId, {",
    replace: "this.parts.subscribe(this.#lastEventId && null, {",
    tests: ["unit", "tests/client/live/live_test.ts"],
  },
  {
    name: "live figures stay subscribed on a hidden page",
    file: "client/live/live.ts",
    find: "if (this.parts.visibility.isHidden) return;",
    replace: "",
    tests: ["unit", "tests/client/live/live_test.ts"],
  },
];
