/** A client that does not read its large answer costs its share of the budget, and is cut off. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { authorization, request } from "../../../support/load/raw_calls.ts";
import { largestInput } from "../../../support/load/large/orders.ts";
import { KEY, withInstance } from "../../../support/services/instance.ts";
import { until } from "../../../support/services/services.ts";

const CALLS = 4;
/** The system keeps up to 4 MiB for a connection that nobody reads. */
const REQUESTS = 12;

/** The path of a batch with a large answer. */
function batch(): string {
  const paths = Array.from({ length: CALLS }, () => "orders.list").join();
  const input = Object.fromEntries(
    Array.from({ length: CALLS }, (_, index) => [index, { storeId: "large", limit: 200 }]),
  );
  return `/trpc/${paths}?batch=1&input=${encodeURIComponent(JSON.stringify(input))}`;
}

async function answerBytes(url: string): Promise<number> {
  const { text } = await request(`${url}/metrics`);
  return Number(/^weir_answer_bytes (\d+)$/m.exec(text)?.[1]);
}

Deno.test("a large answer counts until its client has read it, and a client that reads nothing is cut off", () =>
  withInstance(async ({ url, instance: { port }, api }) => {
    const orders = Array.from({ length: 10 }, () => largestInput({ storeId: "large" }));
    await api.orders.placeMany.mutate({ orders });
    const whole = await request(`${url}${batch()}`, { headers: authorization(KEY) });
    assertGreater(new TextEncoder().encode(whole.text).length, 600_000);
    await until("it to be read", async () => await answerBytes(url) === 0);
    const silent: Deno.TcpConn[] = [];
    for (let made = 0; made < 3; made++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      silent.push(connection);
      const text =
        `GET ${batch()} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${KEY}\r\n\r\n`;
      await connection.write(new TextEncoder().encode(text.repeat(REQUESTS)));
    }
    await until("answers to wait", async () => await answerBytes(url) > 100_000);
    await until("all to be cut off", async () => await answerBytes(url) === 0, 60_000);
    for (const connection of silent) connection.close();
    const again = await request(`${url}${batch()}`, { headers: authorization(KEY) });
    assertEquals(again.status, 200);
    assertLess(again.text.length, 1_048_576);
  }, { clientTimeoutMs: 3_000 }));
