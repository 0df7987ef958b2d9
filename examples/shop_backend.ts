/**
 * A shop's backend: takes a cart, places the order with Weir, and tells the buyer how it stands.
 *
 * The cart's id is the idempotency key, so a cart becomes one order, however often the buyer
 * presses the button and however often the client tries. The buyer gets one of four answers:
 *
 * - 200 `confirmed`: the order is in the database.
 * - 202 `accepted`: the order is on disk, and the database gets it later. Nothing is lost.
 * - 409, 422, 500 or 503 `refused`: nothing was stored. Only after a 503 may the cart be sent again.
 * - 504 `unknown`: no answer came in time. The cart may be sent again; it never becomes two orders.
 *
 * Run it with `WEIR_KEY=… deno run -A examples/shop_backend.ts`, then post a cart:
 * `{ "cartId": "cart-1", "items": [{ "sku": "tea", "quantity": 2 }] }`.
 */
import { z } from "zod";
import { createWeirClient, PlaceError, type WeirClient } from "../client/mod.ts";

/** The shop decides the prices, never the buyer's browser. In minor units: 450 is €4.50. */
const PRICES_MINOR: ReadonlyMap<string, number> = new Map([["tea", 450], ["teapot", 3_995]]);

const cartInput = z.object({
  cartId: z.string().min(1).max(200),
  items: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1).max(200),
});

export interface ShopOptions {
  readonly weir: WeirClient;
  readonly storeId: string;
  /** The time for all tries together; the buyer waits as long. */
  readonly deadlineMs: number;
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
    const { weir, storeId, deadlineMs } = options;
    const order = { storeId, idempotencyKey: cartId, currency: "EUR", lines };
    try {
      const { orderId, status } = await weir.orders.place(order, { deadlineMs });
      return status === "committed"
        ? answer(200, { state: "confirmed", orderId })
        : answer(202, { state: "accepted", orderId });
    } catch (error) {
      if (error instanceof PlaceError) return answerTo(error);
      throw error;
    }
  };
}

function answerTo(error: PlaceError): Response {
  const { reason, mayBeStored, mayPassLater, retryAfterMs, message } = error;
  if (mayBeStored) return answer(504, { state: "unknown" });
  if (mayPassLater) {
    const seconds = String(Math.max(1, Math.ceil((retryAfterMs ?? 0) / 1_000)));
    return answer(503, { state: "refused", reason }, { "retry-after": seconds });
  }
  if (reason === "idempotency_mismatch") return answer(409, { state: "refused", reason });
  if (OF_CONTENT.has(reason)) return answer(422, { state: "refused", reason });
  // The shop is at fault, not the cart: its API key is wrong, for example.
  console.error(`Weir refuses this shop's orders (${reason}): ${message}`);
  return answer(500, { state: "refused", reason });
}

/** These speak of the cart. */
const OF_CONTENT: ReadonlySet<string> = new Set(["invalid_input", "rejected", "payload_too_large"]);

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
