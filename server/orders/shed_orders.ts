/**
 * The orders that an instance has refused without work, as operators are told of them.
 *
 * Tested in tests/server/ops/problems_test.ts.
 */
import type { RefusalReason } from "../../client/contract/refusal.ts";

/** More orders came than could be taken. */
const TOO_MANY: ReadonlySet<RefusalReason> = new Set(["queue_full", "deadline_exceeded"]);

export class ShedOrders {
  #tooMany = 0;
  #lastAt: number | null = null;
  /** Orders that were refused because the circuit was open. */
  circuitOpen = 0;

  /** @param now monotonic, milliseconds. */
  constructor(readonly now: () => number) {}

  add(reason: RefusalReason): void {
    if (reason === "circuit_open") this.circuitOpen++;
    if (!TOO_MANY.has(reason)) return;
    this.#tooMany++;
    this.#lastAt = this.now();
  }

  /** Orders that were refused because too many waited; when the last was, null: none was. */
  get tooMany(): { readonly orders: number; readonly lastAt: number | null } {
    return { orders: this.#tooMany, lastAt: this.#lastAt };
  }
}
