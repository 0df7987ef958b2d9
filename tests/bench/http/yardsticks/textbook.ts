/**
 * The textbook that Weir is measured against: the stock tRPC adapter on `Deno.serve`, zod, and one
 * INSERT for each call. It prints its port. `empty` does nothing: it is the adapter's own cost.
 */
import { initTRPC } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import postgres from "postgres";
import { z } from "zod";

const POOL = 10;
const sql = postgres(Deno.env.get("DATABASE_URL")!, { max: POOL });
const t = initTRPC.create();

const order = z.object({
  storeId: z.string().min(1).max(64),
  idempotencyKey: z.string().min(8).max(128),
  currency: z.string().length(3),
  lines: z.array(z.object({
    sku: z.string().min(1).max(64),
    quantity: z.int().min(1),
    unitPriceMinor: z.int().min(0),
  })).min(1).max(100),
  customerRef: z.string().max(128).optional(),
});

const router = t.router({
  empty: t.procedure.query(() => "ok"),
  place: t.procedure.input(order).mutation(async ({ input }) => {
    const units = input.lines.reduce((sum, { quantity }) => sum + quantity, 0);
    const totalMinor = input.lines.reduce(
      (sum, line) => sum + line.quantity * line.unitPriceMinor,
      0,
    );
    const [row] = await sql`
      INSERT INTO textbook_orders (store_id, idempotency_key, currency, lines, units, total_minor,
                                   customer_ref)
      VALUES (${input.storeId}, ${input.idempotencyKey}, ${input.currency},
              ${JSON.stringify(input.lines)}::text::jsonb, ${units}, ${totalMinor},
              ${input.customerRef ?? null})
      ON CONFLICT (store_id, idempotency_key) DO NOTHING
      RETURNING order_id, placed_at`;
    return { orderId: row?.["order_id"], placedAt: row?.["placed_at"] };
  }),
});

Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: ({ port }) => console.log(port) },
  (req) => fetchRequestHandler({ endpoint: "/trpc", req, router, createContext: () => ({}) }),
);
