/**
 * Sample traffic: places orders at a steady rate, as careful clients do.
 *
 * Most orders go one by one; some calls hold several. About a tenth of the orders are sent twice
 * under their key, and half of these at the same time. An order that is refused for now, or gets
 * no answer, is sent again under its key. An order counts as acknowledged once, at the first
 * answer that says it is durable. At most `MAX_OPEN` orders wait for an answer; at that bound the
 * rate falls.
 */
import { TRPCClientError } from "@trpc/client";
import { backoffMs } from "../../../actors/backoff.ts";
import { errorDataOf } from "../../../client/mod.ts";
import type { PlaceError, PlaceInput, PlaceResult } from "../../../client/contract/order.ts";
import { pause } from "../../../sql/waiting.ts";

/** The calls that place orders; they fail as the calls of tRPC's client do. */
export interface OrderCalls {
  place(order: PlaceInput): Promise<{ readonly orderId: string }>;
  placeMany(orders: readonly PlaceInput[]): Promise<readonly PlaceResult[]>;
}

export interface SampleTrafficOptions {
  readonly calls: OrderCalls;
  readonly nextOrder: () => PlaceInput;
  readonly ordersPerSecond: number;
  /** A number from 0 to 1, exclusive. */
  readonly random: () => number;
  /** Called when an order was refused for good, or when its answers contradict each other. */
  readonly onProblem: (line: string) => void;
}

const TICK_MS = 20;
const MAX_OPEN = 2_000;
const REPEATED_SHARE = 0.1;
/** This share of the calls holds several orders, at most `MAX_TOGETHER`. */
const TOGETHER_SHARE = 0.1;
const MAX_TOGETHER = 8;
const BACKOFF = { firstMs: 100, maxMs: 2_000 };

/** After these refusals the same order may be sent again under its key. */
const TRY_AGAIN: ReadonlySet<string> = new Set([
  "outcome_unknown",
  "circuit_open",
  "queue_full",
  "rate_limited",
  "deadline_exceeded",
  "unavailable",
  "draining",
]);

/** The result of one attempt; `error` is empty when nobody answered. */
type Attempt = { readonly orderId: string } | { readonly error: Partial<PlaceError> };

/** Sends an order once. Does not throw. */
type Send = (order: PlaceInput) => Promise<Attempt>;

export class SampleTraffic {
  /** Orders that wait for an answer. */
  #open = 0;
  readonly #givingUp = new AbortController();
  #placed = 0;
  #acknowledged = 0;

  constructor(readonly options: SampleTrafficOptions) {}

  /** Orders made and sent. */
  get placed(): number {
    return this.#placed;
  }

  /** Orders answered as durable, each counted once. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Makes and sends orders until `until` aborts. */
  async send(until: AbortSignal): Promise<void> {
    const { ordersPerSecond, random } = this.options;
    const startedAt = performance.now();
    let sent = 0;
    while (!until.aborted) {
      const due = Math.floor((performance.now() - startedAt) * ordersPerSecond / 1_000);
      while (sent < due && this.#open < MAX_OPEN) {
        const many = random() < TOGETHER_SHARE ? 1 + Math.ceil(random() * (MAX_TOGETHER - 1)) : 1;
        this.#place(many);
        sent += many;
      }
      sent = Math.max(sent, due);
      await pause(TICK_MS, until);
    }
  }

  /** Resolves when every order has its answer. When `signal` aborts, no order is sent again. */
  async settled(signal: AbortSignal): Promise<void> {
    while (this.#open > 0 && !signal.aborted) await pause(TICK_MS, signal);
    this.#givingUp.abort();
  }

  #place(many: number): void {
    const orders = Array.from({ length: many }, () => this.options.nextOrder());
    const attempts = many === 1 ? null : this.#sendTogether(orders);
    for (const [index, order] of orders.entries()) {
      const send = attempts === null
        ? this.#sendAlone
        : async () => (await attempts)[index] ?? { error: {} };
      this.#open++;
      this.#placed++;
      void this.#deliver(order, send).finally(() => this.#open--);
    }
  }

  async #deliver(order: PlaceInput, send: Send): Promise<void> {
    const orderIds = new Set<string>();
    const deliver = async (send: Send) => {
      const orderId = await this.#untilAnswered(order, send);
      if (orderId === null) return;
      if (orderIds.size === 0) this.#acknowledged++;
      orderIds.add(orderId);
    };
    const die = this.options.random();
    if (die < REPEATED_SHARE / 2) await Promise.all([deliver(send), deliver(this.#sendAlone)]);
    else await deliver(send);
    if (die >= REPEATED_SHARE / 2 && die < REPEATED_SHARE) await deliver(this.#sendAlone);
    if (orderIds.size > 1) {
      this.options.onProblem(`${nameOf(order)} was answered with two ids`);
    }
  }

  /** Sends an order until it is answered. @returns its id, or null when it was not taken */
  async #untilAnswered(order: PlaceInput, send: Send): Promise<string | null> {
    const { signal } = this.#givingUp;
    for (let attempt = 1; !signal.aborted; attempt++) {
      const outcome = await (attempt === 1 ? send : this.#sendAlone)(order);
      if ("orderId" in outcome) return outcome.orderId;
      const { reason, message, retryAfterMs = 0 } = outcome.error;
      if (reason !== undefined && !TRY_AGAIN.has(reason)) {
        this.options.onProblem(`${nameOf(order)} was refused (${reason}): ${message}`);
        return null;
      }
      await pause(retryAfterMs + backoffMs(BACKOFF, attempt, this.options.random()), signal);
    }
    return null;
  }

  readonly #sendAlone: Send = async (order) => {
    try {
      const { orderId } = await this.options.calls.place(order);
      return { orderId };
    } catch (error) {
      return { error: errorOf(error) };
    }
  };

  async #sendTogether(orders: readonly PlaceInput[]): Promise<readonly Attempt[]> {
    try {
      const results = await this.options.calls.placeMany(orders);
      return results.map((result) => result.ok ? result : { error: result.error });
    } catch (error) {
      const attempt = { error: errorOf(error) };
      return orders.map(() => attempt);
    }
  }
}

/** The server's error of a failed call; empty when the call got no answer. */
function errorOf(error: unknown): Partial<PlaceError> {
  if (!(error instanceof TRPCClientError)) return { reason: "internal", message: String(error) };
  const data = errorDataOf(error);
  return data === null ? {} : { reason: "internal", message: error.message, ...data };
}

function nameOf({ storeId, idempotencyKey }: PlaceInput): string {
  return `the order ${storeId}/${idempotencyKey}`;
}
