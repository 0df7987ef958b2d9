/**
 * A shop that uses the client that ships: callers that place one order after the other, and an outbox. At
 * the end each order is compared with the database: placed is stored, refused is not, and nothing is twice.
 */
import { assertEquals } from "@std/assert";
import { type Outbox, PlaceError, prepareOrder, type WeirClient } from "../../../client/mod.ts";
import { anInput } from "../load/orders.ts";
import { expectExact } from "../recount/recount.ts";
import { until } from "../services/services.ts";
import type { FaultRun } from "../faults/fault_run.ts";

const { idempotencyKey: _, ...ORDER } = anInput();
/** Callers that place one order after the other. */
const CALLERS = 20;
/** Orders that are placed between two faults. */
const BETWEEN = 200;

/** Callers of a client, and an outbox. */
export class Shop {
  /** The end of each order, as the client tells it. */
  readonly told = new Map<string, string>();
  readonly kept: string[] = [];
  #isOver = false;
  readonly #callers: Promise<void>[];

  constructor(readonly weir: WeirClient, readonly outbox: Outbox, callers = CALLERS) {
    this.#callers = Array.from({ length: callers }, () => this.#call());
  }

  /** Resolves when so many more orders have their ends. */
  async goOn(): Promise<void> {
    const before = this.told.size;
    await until("some orders", () => this.told.size >= before + BETWEEN);
  }

  async keepSome(): Promise<void> {
    for (let one = 0; one < 10; one++) this.kept.push((await this.outbox.add(ORDER)).orderId);
  }

  /** How many orders had which end. */
  get figures(): Readonly<Record<string, number>> {
    const ends = Map.groupBy(this.told.values(), (end) => end);
    const counts = [...ends].map(([end, all]) => [end, all.length]);
    return { ...Object.fromEntries(counts), outbox: this.kept.length };
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }

  async #call(): Promise<void> {
    while (!this.#isOver) {
      const { orderId, order } = prepareOrder(ORDER);
      const end = await this.weir.orders.place(order).then(({ status }) => status, endOf);
      this.told.set(orderId, end);
    }
  }
}

function endOf(error: unknown): string {
  if (!(error instanceof PlaceError)) throw error;
  return error.mayBeStored ? "unknown" : "refused";
}

/** Compares what the client told with the database. @returns the number of orders in it */
export async function expectStoredOnce(
  run: FaultRun,
  { told, kept, outbox }: Shop,
): Promise<number> {
  await run.drained();
  const settled = await Promise.all(kept.map((orderId) => outbox.settled(orderId)));
  assertEquals(new Set(settled.map(({ state }) => state)), new Set(["committed"]));
  const rows = await run.ask((sql) => sql<{ order_id: string }[]>`select order_id from orders`);
  const stored = new Set(rows.map(({ order_id }) => order_id));
  for (const [orderId, end] of told) {
    if (end !== "unknown") {
      assertEquals(stored.has(orderId), end !== "refused", `${orderId} ${end}`);
    }
  }
  for (const orderId of kept) assertEquals(stored.has(orderId), true, `${orderId} of the outbox`);
  const known = [...told.keys(), ...kept].filter((orderId) => stored.has(orderId));
  assertEquals(rows.length, known.length, "an order that nobody placed, or one twice");
  await run.ask(expectExact);
  return rows.length;
}
