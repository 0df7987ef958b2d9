/** Fastify and pg with one INSERT for each call: what many teams have. It prints its port. */
import fastify from "fastify";
import pg from "pg";

const POOL = 10;
const pool = new pg.Pool({ connectionString: Deno.env.get("DATABASE_URL"), max: POOL });
const app = fastify();

interface Line {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPriceMinor: number;
}

interface Order {
  readonly storeId: string;
  readonly idempotencyKey: string;
  readonly currency: string;
  readonly lines: readonly Line[];
  readonly customerRef?: string;
}

const text = (minLength: number, maxLength: number) => ({ type: "string", minLength, maxLength });

app.post<{ Body: Order }>("/orders", {
  schema: {
    body: {
      type: "object",
      required: ["storeId", "idempotencyKey", "currency", "lines"],
      properties: {
        storeId: text(1, 64),
        idempotencyKey: text(8, 128),
        currency: text(3, 3),
        lines: {
          type: "array",
          minItems: 1,
          maxItems: 100,
          items: {
            type: "object",
            required: ["sku", "quantity", "unitPriceMinor"],
            properties: {
              sku: text(1, 64),
              quantity: { type: "integer", minimum: 1 },
              unitPriceMinor: { type: "integer", minimum: 0 },
            },
          },
        },
        customerRef: text(0, 128),
      },
    },
  },
}, async ({ body }) => {
  const { storeId, idempotencyKey, currency, lines, customerRef = null } = body;
  const units = lines.reduce((sum, { quantity }) => sum + quantity, 0);
  const totalMinor = lines.reduce((sum, line) => sum + line.quantity * line.unitPriceMinor, 0);
  const { rows } = await pool.query({
    name: "place",
    text: `INSERT INTO textbook_orders (store_id, idempotency_key, currency, lines, units,
                                        total_minor, customer_ref)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (store_id, idempotency_key) DO NOTHING RETURNING order_id, placed_at`,
    values: [
      storeId,
      idempotencyKey,
      currency,
      JSON.stringify(lines),
      units,
      totalMinor,
      customerRef,
    ],
  });
  return { orderId: rows[0]?.order_id, placedAt: rows[0]?.placed_at };
});

await app.listen({ host: "127.0.0.1", port: 0 });
const address = app.server.address();
console.log(typeof address === "object" ? address?.port : address);
