/**
 * Sample traffic: places orders at a steady rate, as careful clients would.
 *
 * Most orders go one by one, some as many in one call, and about a tenth are sent twice under their
 * key, half of those at the same time. Whatever says "not now" is tried again with the same key. An
 * order counts as acknowledged once, by the first answer that says it is durable, however often it
 * was sent. No more than `MAX_OPEN` orders wait for an answer: past that the rate is not kept.
 */
import { setTimeout as delay } from "node:timers/promises";
import { TRPCClientError } from "@trpc/client";
import { backoffMs } from "../../../actors/backoff.ts";
import type { PlaceError, PlaceInput, PlaceResult } from "../../../client/contract/order.ts";

/** The calls that orders are placed by; they fail as tRPC's client does. */
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
  /** An order was refused for good, or its answers contradict each other. */
  readonly onProblem: (line: string) => void;
}

const TICK_MS = 20;
const MAX_OPEN = 2_000;
const REPEATED_SHARE = 0.1;
/** How often a call holds many orders, and at most how many. */
const TOGETHER_SHARE = 0.1;
const MAX_TOGETHER = 8;
const BACKOFF = { firstMs: 100, maxMs: 2_000 };

/** Refusals after which the same order may be sent again under its key. */
const TRY_AGAIN: ReadonlySet<string> = new Set([
  "outcome_unknown",
  "circuit_open",
  "queue_full",
  "rate_limited",
  "deadline_exceeded",
  "unavailable",
  "draining",
]);

/** What one attempt came to; `error` is empty when nobody answered. */
type Attempt = { readonly orderId: string } | { readonly error: Partial<PlaceError> };

/** Sends an order once. It does not throw. */
type Send = (order: PlaceInput) => Promise<Attempt>;

export class SampleTraffic {
  readonly #open = new Set<Promise<void>>();
  readonly #givingUp = new AbortController();
  #placed = 0;
  #acknowledged = 0;

  constructor(readonly options: SampleTrafficOptions) {}

  /** Orders that were made and sent. */
  get placed(): number {
    return this.#placed;
  }

  /** Orders that were said to be durable, each counted once. */
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
      while (sent < due && this.#open.size < MAX_OPEN) {
        const many = random() < TOGETHER_SHARE ? 1 + Math.ceil(random() * (MAX_TOGETHER - 1)) : 1;
        this.#place(many);
        sent += many;
      }
      sent = Math.max(sent, due);
      await pause(TICK_MS, until);
    }
  }

  /** Resolves when every order has its answer, or when `signal` aborts: then no more are sent. */
  async settled(signal: AbortSignal): Promise<void> {
    const { promise: gaveUp, resolve } = Promise.withResolvers<void>();
    const giveUp = () => {
      this.#givingUp.abort();
      resolve();
    };
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    await Promise.race([Promise.all(this.#open), gaveUp]);
    signal.removeEventListener("abort", giveUp);
  }

  #place(many: number): void {
    const orders = Array.from({ length: many }, () => this.options.nextOrder());
    const attempts = many === 1 ? null : this.#sendTogether(orders);
    for (const [index, order] of orders.entries()) {
      const send = attempts === null
        ? this.#sendAlone
        : async () => (await attempts)[index] ?? { error: {} };
      const delivered = this.#deliver(order, send).finally(() => this.#open.delete(delivered));
      this.#open.add(delivered);
      this.#placed++;
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

  /** Sends until there is an answer. @returns the order's id, or null when it was not taken. */
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

/** What the server said of a failed call; empty when no answer of it came. */
function errorOf(error: unknown): Partial<PlaceError> {
  if (!(error instanceof TRPCClientError)) return { reason: "internal", message: String(error) };
  const data: unknown = error.data;
  if (typeof data !== "object" || data === null) return {};
  return { reason: "internal", message: error.message, ...data };
}

function nameOf({ storeId, idempotencyKey }: PlaceInput): string {
  return `the order ${storeId}/${idempotencyKey}`;
}

/** Waits `ms`, or until `signal` aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
