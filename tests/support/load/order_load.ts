/**
 * Callers that place orders one after the other, for tests that break something meanwhile. They
 * keep every acknowledgement, and count the other answers by reason.
 */
import { type Acknowledgement, errorDataOf, type WeirClient } from "../../../client/mod.ts";
import type { PlaceInput } from "../../../client/contract/order.ts";
import { anInput } from "./orders.ts";

export interface Placed {
  readonly order: PlaceInput;
  readonly acknowledgement: Acknowledgement;
}

export class OrderLoad {
  readonly acknowledged: Placed[] = [];
  /** The number of orders without an acknowledgement, by reason; `no answer` where none came. */
  readonly refused = new Map<string, number>();
  readonly #stopping = new AbortController();
  readonly #callers: Promise<void[]>;

  /** Each caller goes on until `stop`, or until nobody answers it. */
  constructor(readonly api: WeirClient["api"], callers: number) {
    this.#callers = Promise.all(Array.from({ length: callers }, () => this.#call()));
  }

  /** Resolves when the callers have their last answers. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#callers;
  }

  async #call(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const order = anInput();
      try {
        this.acknowledged.push({
          order,
          acknowledgement: await this.api.orders.place.mutate(order),
        });
      } catch (error) {
        const reason = errorDataOf(error)?.reason ?? "no answer";
        this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
        if (reason === "no answer") return;
      }
    }
  }
}
