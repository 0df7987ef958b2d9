/** A role of the database that may have few sessions. */
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../sql/connection/driver.ts";
import { anInput } from "../../support/load/orders.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";
import type { WeirClient } from "../../../client/mod.ts";
import { withInstance } from "../../support/services/instance.ts";
import { testServices, until } from "../../support/services/services.ts";

const CONNECTIONS = 6;
const SPILLED = 300;

/** Runs `test` with a role that may have only `CONNECTIONS` sessions, reached through a proxy. */
async function withLimitedRole(
  test: (limited: {
    readonly role: string;
    readonly proxy: () => WireProxy;
    readonly reach: (databaseUrl: string) => string;
  }) => Promise<void>,
): Promise<void> {
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
    await test({ role, proxy: () => proxy!, reach });
  } finally {
    await proxy?.close();
    await admin.unsafe(`drop role ${role}`);
    await admin.end();
  }
}

/** Callers of every kind of call. Each repeats its call until `stop`. */
class Callers {
  readonly failures: unknown[] = [];
  readonly #busy: Promise<void>[];
  #stopped = false;

  constructor(api: WeirClient["api"]) {
    this.#busy = Array.from({ length: 4 }, () => [
      this.#repeat(() => api.orders.list.query({ storeId: "a-store" })),
      this.#repeat(() => api.orders.place.mutate(anInput())),
      this.#repeat(() => api.dashboard.snapshot.query({})),
      this.#repeat(() => api.ops.deadLetters.list.query({})),
    ]).flat();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#busy);
  }

  async #repeat(call: () => Promise<unknown>): Promise<void> {
    while (!this.#stopped) {
      await call().catch((error) => this.failures.push(error));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

Deno.test("a role with six connections: spilled orders are drained, while calls of every kind go on", () =>
  withLimitedRole(({ role, proxy, reach }) =>
    withInstance(async ({ api, database: { sql } }) => {
      await api.orders.place.mutate(anInput());
      proxy().cut();
      let spilled = 0;
      await until("orders to be spilled", async () => {
        const calls = Array.from({ length: 50 }, () => api.orders.place.mutate(anInput()));
        for (const call of await Promise.allSettled(calls)) {
          if (call.status === "fulfilled" && call.value.status === "spilled") spilled++;
        }
        return spilled >= SPILLED;
      });
      await proxy().mend();
      await until("the circuit to be closed", async () => {
        return (await api.ops.status.query()).writer.circuit === "closed";
      });
      const callers = new Callers(api);
      try {
        await until("the overflow to be empty", async () => {
          return (await api.ops.status.query()).spill.orders === 0;
        });
        await until("a fold of all", async () => {
          const [row] = await sql`select count(*)::int as rows from journal`;
          return row?.["rows"] === 0;
        });
      } finally {
        await callers.stop();
      }
      assertEquals(callers.failures, []);
      const [row] = await sql<{ orders: number; sessions: number }[]>`
        select (select count(*)::int from orders) as orders,
               (select count(*)::int from pg_stat_activity where usename = ${role}) as sessions`;
      assert(row!.orders > SPILLED, `${row!.orders} orders`);
      assert(row!.sessions <= CONNECTIONS);
    }, { reach, environment: { WEIR_STATEMENT_TIMEOUT_MS: "2000" } })
  ));

Deno.test("a role with six connections: notices are heard again, while calls take all connections", () =>
  withLimitedRole(({ role, reach }) =>
    withInstance(async ({ api, database }) => {
      const { sql } = database;
      const callers = new Callers(api);
      const stranger = connect(reach(database.url), { max: 1 });
      const isHeard = async () => (await api.ops.status.query()).bus.state === "postgres";
      try {
        const listeners = async (): Promise<number[]> =>
          (await sql<{ pid: number }[]>`
            select pid from pg_stat_activity where usename = ${role} and query ilike 'listen %'`)
            .map(({ pid }) => pid);
        await until("LISTEN to be heard", isHeard);
        const [lost = 0] = await listeners();
        await sql`select pg_terminate_backend(${lost})`;
        await until("a stranger to take its place", () =>
          stranger`select 1`.then(() => true, () => false));
        await until("another session to listen", async () =>
          (await listeners()).length === 1);
        await until("LISTEN to be heard", isHeard);
      } finally {
        await callers.stop();
        await stranger.end();
      }
      assertEquals(callers.failures, []);
    }, { reach, redis: false, environment: { WEIR_STATEMENT_TIMEOUT_MS: "2000" } })
  ));
