/**
 * A shop's backend: takes a cart, places the order with Weir, and tells the buyer how it stands.
 *
 * The cart's id is the idempotency key, so a cart becomes one order, however often the buyer
 * presses the button and however often this program tries. A try that is refused for now, or that
 * brings no answer, is repeated until the deadline. The buyer gets one of four answers:
 *
 * - 200 `confirmed`: the order is in the database.
 * - 202 `accepted`: the order is on disk, and the database gets it later. Nothing is lost.
 * - 409, 422, 500 or 503 `refused`: nothing was stored. Only after a 503 may the cart be sent again.
 * - 504 `unknown`: no answer came in time. The cart may be sent again; it never becomes two orders.
 *
 * Run it with `WEIR_KEY=… deno run -A examples/shop_backend.ts`, then post a cart:
 * `{ "cartId": "cart-1", "items": [{ "sku": "tea", "quantity": 2 }] }`.
 */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import {
  createWeirClient,
  errorDataOf,
  type PlaceInput,
  type RefusalReason,
  type WeirClient,
} from "../client/mod.ts";

interface Stored {
  readonly kind: "committed" | "spilled";
  readonly orderId: string;
}

interface Refused {
  readonly kind: "refused";
  readonly reason: RefusalReason;
  readonly message: string;
  /** When to try again; null: trying again does not help. */
  readonly retryAfterMs: number | null;
}

interface Unknown {
  readonly kind: "unknown";
  readonly message: string;
}

/** The fate of an order, as far as this program can know. */
export type Outcome = Stored | Refused | Unknown;

export interface PlaceOptions {
  readonly weir: WeirClient;
  /** The time for all tries together; the buyer waits as long. */
  readonly deadlineMs: number;
}

/** These pass by themselves, so the same order may be sent again. */
const FOR_NOW: ReadonlySet<RefusalReason> = new Set([
  "queue_full",
  "rate_limited",
  "circuit_open",
  "deadline_exceeded",
  "unavailable",
  "draining",
]);

/** The order may be stored, or not. Sending it again with the same key finds out. */
const UNCERTAIN: ReadonlySet<RefusalReason> = new Set(["outcome_unknown", "internal"]);

/** These speak of the order's content, so they hold for every earlier try of it as well. */
const OF_CONTENT: ReadonlySet<RefusalReason> = new Set([
  "invalid_input",
  "idempotency_mismatch",
  "rejected",
]);

const BACKOFF = { firstMs: 50, maxMs: 2_000 };
/** Weir takes no shorter `deadlineMs`. */
const MIN_TRY_MS = 50;
/** One try gets no more, so that a lost one leaves time for the next. */
const MAX_TRY_MS = 3_000;
/** Weir gives up before this program does, so that its refusal still arrives. */
const SHARE_FOR_WEIR = 0.8;

/** Places an order and tries again within the deadline. It does not throw. */
export async function placeOrder(
  order: Omit<PlaceInput, "deadlineMs">,
  { weir, deadlineMs }: PlaceOptions,
): Promise<Outcome> {
  const endsAt = performance.now() + deadlineMs;
  let last: Outcome = { kind: "unknown", message: "there was no time to send it" };
  for (let tries = 1;; tries++) {
    const leftMs = endsAt - performance.now();
    if (leftMs < MIN_TRY_MS) return last;
    const answer = await tryOnce(order, weir, Math.min(leftMs, MAX_TRY_MS));
    if (answer.kind === "committed" || answer.kind === "spilled") return answer;
    // A refusal speaks of its own try. An earlier try without an answer may have stored the order.
    const holdsForAll = answer.kind === "refused" && OF_CONTENT.has(answer.reason);
    if (last.kind !== "unknown" || tries === 1 || holdsForAll) last = answer;
    if (answer.kind === "refused" && answer.retryAfterMs === null) return last;
    const atLeastMs = answer.kind === "refused" ? answer.retryAfterMs ?? 0 : 0;
    const waitMs = atLeastMs + jittered(tries);
    if (performance.now() + waitMs + MIN_TRY_MS > endsAt) return last;
    await delay(waitMs);
  }
}

async function tryOnce(
  order: Omit<PlaceInput, "deadlineMs">,
  weir: WeirClient,
  timeoutMs: number,
): Promise<Outcome> {
  const deadlineMs = Math.max(MIN_TRY_MS, Math.floor(timeoutMs * SHARE_FOR_WEIR));
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), timeoutMs);
  try {
    const { orderId, status } = await weir.api.orders.place.mutate(
      { ...order, deadlineMs },
      { signal: giveUp.signal },
    );
    return { kind: status, orderId };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const { reason, retryAfterMs } = errorDataOf(error) ?? {};
    // An error without a reason is not from Weir: a lost connection, a timeout, a proxy's page.
    if (reason === undefined || UNCERTAIN.has(reason)) return { kind: "unknown", message };
    const isForNow = FOR_NOW.has(reason);
    return { kind: "refused", reason, message, retryAfterMs: isForNow ? retryAfterMs ?? 0 : null };
  } finally {
    clearTimeout(timer);
  }
}

/** Doubles with every try. The random part keeps many shops from trying at the same moment. */
function jittered(tries: number): number {
  const ceilingMs = Math.min(BACKOFF.maxMs, BACKOFF.firstMs * 2 ** tries);
  return ceilingMs * (0.5 + Math.random() / 2);
}

/** The shop decides the prices, never the buyer's browser. In minor units: 450 is €4.50. */
const PRICES_MINOR: ReadonlyMap<string, number> = new Map([["tea", 450], ["teapot", 3_995]]);

const cartInput = z.object({
  cartId: z.string().min(1).max(200),
  items: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1).max(200),
});

export interface ShopOptions extends PlaceOptions {
  readonly storeId: string;
}

/** Makes the handler of `POST /checkout`. */
export function createShop(options: ShopOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== "POST" || new URL(request.url).pathname !== "/checkout") {
      return new Response("POST a cart to /checkout\n", { status: 404 });
    }
    const cart = cartInput.safeParse(await request.json().catch(() => null));
    if (!cart.success) return answer(422, { state: "refused", reason: "this is no cart" });
    const { cartId, items } = cart.data;
    const lines = items.flatMap(({ sku, quantity }) => {
      const unitPriceMinor = PRICES_MINOR.get(sku);
      return unitPriceMinor === undefined ? [] : [{ sku, quantity, unitPriceMinor }];
    });
    if (lines.length < items.length) {
      return answer(422, { state: "refused", reason: "not everything in the cart is for sale" });
    }
    const { storeId } = options;
    const order = { storeId, idempotencyKey: cartId, currency: "EUR", lines };
    return responseTo(await placeOrder(order, options));
  };
}

function responseTo(outcome: Outcome): Response {
  switch (outcome.kind) {
    case "committed":
      return answer(200, { state: "confirmed", orderId: outcome.orderId });
    case "spilled":
      return answer(202, { state: "accepted", orderId: outcome.orderId });
    case "unknown":
      return answer(504, { state: "unknown" });
    case "refused": {
      const { reason, retryAfterMs } = outcome;
      if (retryAfterMs !== null) {
        const seconds = String(Math.ceil(retryAfterMs / 1_000));
        return answer(503, { state: "refused", reason }, { "retry-after": seconds });
      }
      if (reason === "idempotency_mismatch") return answer(409, { state: "refused", reason });
      if (OF_CONTENT.has(reason)) return answer(422, { state: "refused", reason });
      // The shop is at fault, not the cart: its API key is wrong, for example.
      console.error(`Weir refuses this shop's orders (${reason}): ${outcome.message}`);
      return answer(500, { state: "refused", reason });
    }
  }
}

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers });
}

if (import.meta.main) {
  const token = Deno.env.get("WEIR_KEY") ?? "";
  if (token === "") {
    console.error("WEIR_KEY is missing: an API key with the scope orders:write");
    Deno.exit(2);
  }
  const url = Deno.env.get("WEIR_URL") ?? "http://127.0.0.1:8080";
  const weir = createWeirClient({ url, token });
  const shop = createShop({ weir, storeId: "berlin", deadlineMs: 10_000 });
  const port = Number(Deno.env.get("PORT") ?? 8090);
  Deno.serve({ port, hostname: "127.0.0.1" }, shop);
}
