import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../sql/connection/driver.ts";
import { anInput } from "../../support/load/orders.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";
import { withInstance } from "../../support/services/instance.ts";
import { testServices, until } from "../../support/services/services.ts";

const CONNECTIONS = 6;
const SPILLED = 300;

Deno.test("a role with six connections: spilled orders are drained, while calls of every kind go on", async () => {
  const role = `weir_limited_${crypto.randomUUID().slice(0, 8)}`;
  const admin = connect(testServices().databaseUrl, { max: 1 });
  const { username } = new URL(testServices().databaseUrl);
  await admin.unsafe(
    `create role ${role} login password 'x' connection limit ${CONNECTIONS} in role "${username}"`,
  );
  let proxy: WireProxy | undefined;
  const reach = (databaseUrl: string) => {
    const limited = new URL(databaseUrl);
    limited.username = role;
    limited.password = "x";
    proxy ??= WireProxy.to(databaseUrl);
    return proxy.through(limited.href);
  };
  try {
    await withInstance(async ({ api, database: { sql } }) => {
      await api.orders.place.mutate(anInput());
      proxy!.cut();
      let spilled = 0;
      const failures: unknown[] = [];
      await until("orders to be spilled", async () => {
        const calls = Array.from({ length: 50 }, () => api.orders.place.mutate(anInput()));
        for (const call of await Promise.allSettled(calls)) {
          if (call.status === "fulfilled" && call.value.status === "spilled") spilled++;
        }
        return spilled >= SPILLED;
      });
      await proxy!.mend();
      let stopped = false;
      const busy = async (call: () => Promise<unknown>) => {
        while (!stopped) {
          await call().catch((error) => failures.push(error));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      await until("the circuit to be closed", async () => {
        return (await api.ops.status.query()).writer.circuit === "closed";
      });
      const callers = Array.from({ length: 4 }, () => [
        busy(() => api.orders.list.query({ storeId: "a-store" })),
        busy(() => api.orders.place.mutate(anInput())),
        busy(() => api.dashboard.snapshot.query({})),
        busy(() => api.ops.deadLetters.list.query({})),
      ]).flat();
      try {
        await until("the overflow to be empty", async () => {
          return (await api.ops.status.query()).spill.orders === 0;
        });
        await until("a fold of all", async () => {
          const [row] = await sql`select count(*)::int as rows from journal`;
          return row?.["rows"] === 0;
        });
      } finally {
        stopped = true;
        await Promise.all(callers);
      }
      assertEquals(failures, []);
      const [row] = await sql<{ orders: number; sessions: number }[]>`
        select (select count(*)::int from orders) as orders,
               (select count(*)::int from pg_stat_activity where usename = ${role}) as sessions`;
      assert(row!.orders > SPILLED, `${row!.orders} orders`);
      assert(row!.sessions <= CONNECTIONS);
    }, { reach, environment: { WEIR_STATEMENT_TIMEOUT_MS: "2000" } });
  } finally {
    await proxy?.close();
    await admin.unsafe(`drop role ${role}`);
    await admin.end();
  }
});
