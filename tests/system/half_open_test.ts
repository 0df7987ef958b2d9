/** A half-open circuit in front of a real database: exactly as many calls reach it as it probes. */
import { assertEquals } from "@std/assert";
import type { Answer } from "../../actors/mailbox.ts";
import { systemClock } from "../../actors/clock.ts";
import { createOrderWriter, LANES } from "../../actors/order_writer.ts";
import { openDatabase } from "../../sql/database.ts";
import { orderStoreOn } from "../../server/order_store.ts";
import { withDatabase } from "../support/database.ts";
import { anOrder } from "../support/orders.ts";
import { gate } from "../support/scripted_store.ts";
import { until } from "../support/services.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";

const CALLERS = 1_000;

function said(answer: Answer): string {
  return answer.ok ? answer.acknowledgement.status : answer.refusal.reason;
}

Deno.test("of 1,000 callers against a half-open circuit exactly the probes reach the database", () =>
  withDatabase(async ({ url, sql }) => {
    const proxy = TcpProxy.to(url);
    const options = { statementTimeoutMs: 2_000, writeConnections: LANES };
    const database = openDatabase({ url: proxy.through(url), ...options });
    const store = orderStoreOn(database.write);
    const probe = gate();
    let holding = false;
    const sent: number[] = [];
    const writer = createOrderWriter({
      store: {
        ...store,
        commit: async (orders) => {
          if (holding) {
            sent.push(orders.length);
            await probe.passed;
          }
          return await store.commit(orders);
        },
      },
      maxOrders: 10_000,
      maxBytes: 1 << 26,
      maxBatchOrders: 1_000,
      statementTimeoutMs: 2_000,
      clock: systemClock,
      random: () => 0.2,
      onBug: (error) => {
        throw error;
      },
    });
    const place = () => writer.place(anOrder(), 5_000);
    assertEquals(said(await place()), "committed");
    proxy.cut();
    await until("the circuit to open", async () => {
      await place();
      return writer.circuit === "open";
    });
    await proxy.mend();
    holding = true;
    await until("a probe", () => sent.length === 1);
    assertEquals(writer.circuit, "half_open");
    const answers = Array.from({ length: CALLERS }, place);
    probe.open();
    const words = (await Promise.all(answers)).map(said);
    assertEquals(words.filter((word) => word === "committed").length, 1);
    assertEquals(words.filter((word) => word === "circuit_open").length, CALLERS - 1);
    assertEquals([sent, writer.circuit], [[0, 1], "closed"]);
    const [row] = await sql`select count(*) as orders from orders`;
    assertEquals(row?.["orders"], "2");
    await writer.stop(1_000);
    await database.end();
    await proxy.close();
  }));
