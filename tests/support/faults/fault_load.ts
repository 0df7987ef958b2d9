/**
 * Load for tests that break something: orders at a steady rate from a seed. A share of them repeats
 * earlier keys. Callers send again with the same key until they have a definite answer.
 *
 * Some callers send only once, because a second attempt could hide that a refused order was stored.
 * Every attempt is written into a `History`.
 */
import { type Acknowledgement, errorDataOf, type WeirClient } from "../../../client/mod.ts";
import type { PlaceInput } from "../../../client/contract/order.ts";
import { type Answer, contentOf, History } from "../recount/history.ts";
import { createTestClient, KEY } from "../services/instance.ts";
import { Random } from "../load/random.ts";
import { until } from "../services/services.ts";

export interface FaultLoadOptions {
  /** Asked before every attempt, so that an instance may come back on another port. */
  readonly urls: () => readonly string[];
  readonly ratePerSecond?: number;
  readonly repeats?: number;
  /** The share of callers that send only once. */
  readonly once?: number;
  readonly deadlineMs?: number;
  readonly seed?: number;
}

const SEED_VARIABLE = "WEIR_TEST_SEED";
const STORES = ["north", "south", "east", "west"];
const SKUS = ["tea", "cup", "pot", "tray", "spoon"];
/** With this many calls in flight the load sends nothing more: the service does not answer. */
const MAX_IN_FLIGHT = 4_000;
const NO_ANSWER_MS = 30_000;
/** Enough connections that calls of one moment rarely share a request. */
const CLIENTS = 16;
/** Waiting helps with these reasons, so the caller sends the same key again. */
const RETRYABLE = new Set([
  "outcome_unknown",
  "circuit_open",
  "queue_full",
  "draining",
  "unavailable",
  "deadline_exceeded",
  "internal",
]);

/** The seed of this run: the one in `WEIR_TEST_SEED`, else a new one. */
export function testSeed(): number {
  const given = Deno.env.get(SEED_VARIABLE);
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}

export class FaultLoad {
  readonly history: History;
  readonly #random: Random;
  readonly #placed: PlaceInput[] = [];
  readonly #clients = new Map<string, WeirClient[]>();
  readonly #stopping = new AbortController();
  readonly #calls = new Set<Promise<void>>();
  #pacing: Promise<void> = Promise.resolve();
  #givingUp = false;
  #made = 0;
  #sent = 0;
  #pacedMs = 0;

  constructor(readonly options: FaultLoadOptions) {
    const seed = options.seed ?? testSeed();
    this.history = new History(seed);
    this.#random = new Random(seed);
  }

  /** The number of callers without a final answer. */
  get inFlight(): number {
    return this.#calls.size;
  }

  /** Orders sent each second, with repeats; null when the load was never started. */
  get sentPerSecond(): number | null {
    return this.#pacedMs === 0 ? null : Math.round(this.#sent / this.#pacedMs * 1_000);
  }

  /** The figures in every report of a run. */
  get figures() {
    const { seed } = this.history;
    return { seed, sentPerSecond: this.sentPerSecond, outcomes: this.history.outcomes() };
  }

  start(): void {
    this.#pacing = this.#pace();
  }

  /** Resolves when `count` more attempts have been answered. */
  async answered(count: number): Promise<void> {
    const { attempts } = this.history;
    const from = attempts.length;
    await until(`${count} answers`, () => attempts.length >= from + count, 60_000);
  }

  /** Sends no new orders, and resolves when the callers have their answers or `timeoutMs` is up. */
  async stop(timeoutMs = 30_000): Promise<void> {
    this.#stopping.abort();
    await this.#pacing;
    const timer = setTimeout(() => this.#givingUp = true, timeoutMs);
    while (this.#calls.size > 0) await Promise.all(this.#calls);
    clearTimeout(timer);
  }

  /** Stops sending, and ends the connections. */
  async close(): Promise<void> {
    this.#givingUp = true;
    await this.stop(0);
    for (const clients of this.#clients.values()) {
      await Promise.all(clients.map((client) => client.close()));
    }
  }

  /** Makes an order with a new key. */
  newOrder(): PlaceInput {
    const random = this.#random;
    const lines = Array.from({ length: random.int(1, 3) }, () => ({
      sku: random.pick(SKUS),
      quantity: random.int(1, 5),
      unitPriceMinor: random.int(0, 5_000),
    }));
    const { deadlineMs } = this.options;
    return {
      storeId: random.pick(STORES),
      idempotencyKey: `${this.history.seed}-${this.#made++}`,
      currency: random.chance(0.8) ? "EUR" : "JPY",
      lines,
      ...(random.chance(0.3) ? { metadata: { channel: random.pick(["web", "shop"]) } } : {}),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    };
  }

  /** Places an order once, and writes the attempt down. */
  async attempt(order: PlaceInput, at?: string): Promise<Answer> {
    const [answer] = await this.#record([order], async (api, signal) => {
      const answer = await api.orders.place.mutate(order, { signal });
      return [acknowledged(answer)];
    }, at);
    return answer!;
  }

  /** Places orders by one call, and writes each one down as an attempt. */
  attemptMany(orders: readonly PlaceInput[], at?: string): Promise<Answer[]> {
    return this.#record(orders, async (api, signal) => {
      const { results } = await api.orders.placeMany.mutate({ orders: [...orders] }, { signal });
      return results.map((result) =>
        result.ok
          ? acknowledged(result)
          : { kind: "refused", reason: result.error.reason ?? result.error.code }
      );
    }, at);
  }

  /** Sends an order again and again until there is a definite answer. */
  async persist(order: PlaceInput, at?: string): Promise<Answer> {
    for (;;) {
      const answer = await this.attempt(order, at);
      if (!isRetryable(answer) || this.#givingUp) return answer;
      await new Promise((resolve) => setTimeout(resolve, 50 + 400 * this.#random.next()));
    }
  }

  async #pace(): Promise<void> {
    const { ratePerSecond = 250, repeats = 0.1, once = 0.2 } = this.options;
    const begunAt = performance.now();
    let due = 0;
    while (!this.#stopping.signal.aborted) {
      this.#pacedMs = performance.now() - begunAt;
      due = this.#pacedMs / 1_000 * ratePerSecond;
      for (; this.#sent < due && this.#calls.size < MAX_IN_FLIGHT; this.#sent++) {
        const again = this.#placed.length > 0 && this.#random.chance(repeats);
        const order = again ? this.#random.pick(this.#placed) : this.newOrder();
        if (!again) this.#placed.push(order);
        // A repeat may come from a caller that sends once: the first caller decides what is stored.
        const call = this.#random.chance(once) ? this.attempt(order) : this.persist(order);
        const counted = call.then(() => undefined).finally(() => this.#calls.delete(counted));
        this.#calls.add(counted);
      }
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
  }

  #nextUrl(): string {
    const urls = this.options.urls();
    return urls[this.#sent % urls.length] ?? "http://127.0.0.1:9";
  }

  /** Sends orders by one call, and writes down the answer to each. */
  async #record(
    orders: readonly PlaceInput[],
    call: (api: WeirClient["api"], signal: AbortSignal) => Promise<Answer[]>,
    at = this.#nextUrl(),
  ): Promise<Answer[]> {
    const numbers = orders.map((one) => this.history.begin(one.storeId, one.idempotencyKey));
    const sentAt = performance.now();
    const told = await this.#ask(at, call);
    const answeredAt = performance.now();
    const answers = orders.map((_, index) => Array.isArray(told) ? told[index]! : told);
    for (const [index, order] of orders.entries()) {
      this.history.record({
        store: order.storeId,
        key: order.idempotencyKey,
        content: contentOf(order),
        number: numbers[index]!,
        sentAt,
        answeredAt,
        answer: answers[index]!,
      });
    }
    return answers;
  }

  /**
   * @returns the answers to a call, or the one answer to all its orders when it fails as a whole
   */
  async #ask(
    url: string,
    call: (api: WeirClient["api"], signal: AbortSignal) => Promise<Answer[]>,
  ): Promise<Answer[] | Answer> {
    let clients = this.#clients.get(url);
    if (clients === undefined) {
      clients = Array.from({ length: CLIENTS }, () => createTestClient(url, KEY));
      this.#clients.set(url, clients);
    }
    const { api } = this.#random.pick(clients);
    const givingUp = new AbortController();
    const timer = setTimeout(() => givingUp.abort(), NO_ANSWER_MS);
    try {
      return await call(api, givingUp.signal);
    } catch (error) {
      const data = errorDataOf(error);
      if (data !== null) return { kind: "refused", reason: data.reason ?? data.code };
      return { kind: "none", error: error instanceof Error ? error.message : String(error) };
    } finally {
      clearTimeout(timer);
    }
  }
}

function acknowledged(answer: Acknowledgement): Answer {
  const { status, orderId, replayed, totalMinor, placedAt } = answer;
  return { kind: "acknowledged", status, orderId, replayed, totalMinor, placedAt };
}

function isRetryable(answer: Answer): boolean {
  return answer.kind === "none" || (answer.kind === "refused" && RETRYABLE.has(answer.reason));
}
