/** The ways by which the bus is heard, while a server falls silent and comes back. */
import { assertEquals } from "@std/assert";
import { type Bus, startBus } from "../../../server/figures/bus.ts";
import { Hints } from "../../../server/telemetry/hints.ts";
import { systemClock } from "../../../actors/clock.ts";
import { Pool } from "../../../sql/connection/pool.ts";
import { withPlainRole } from "../../support/services/roles/plain_role.ts";
import { withDatabase } from "../../support/services/database.ts";
import { withRedis } from "../../support/services/redis.ts";
import { until } from "../../support/services/services.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";

/** The time of several echoes. */
const QUIET_MS = 7_000;

interface Stage {
  readonly bus: Bus;
  readonly postgres: WireProxy;
  readonly redis: WireProxy;
  becomes(state: string): Promise<unknown>;
}

async function withBus(hasRedis: boolean, test: (stage: Stage) => Promise<void>): Promise<void> {
  await withDatabase((database) =>
    withRedis(async (redisServer) => {
      const [postgres, redis] = [WireProxy.to(database.url), WireProxy.to(redisServer.url)];
      const url = postgres.through(database.url);
      const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 1_000 });
      const bus = startBus({
        databaseUrl: url,
        pool,
        hints: new Hints(systemClock.now),
        redisUrl: hasRedis ? redis.through(redisServer.url) : null,
        redisPrefix: redisServer.prefix,
        onNotice: () => undefined,
      });
      const becomes = (state: string) =>
        until(`the bus to be ${state}`, () => bus.state() === state);
      try {
        await test({ bus, postgres, redis, becomes });
      } finally {
        await bus.stop();
        await pool.end();
        await Promise.all([postgres.close(), redis.close()]);
      }
    })
  );
}

Deno.test("a lost LISTEN is heard again, and stays", () =>
  withBus(false, async ({ bus, postgres, becomes }) => {
    await becomes("postgres");
    postgres.replies = "held";
    await becomes("down");
    postgres.open();
    await becomes("postgres");
    const changes: string[] = [];
    const unsubscribe = bus.onChange(() => {
      if (bus.state() !== "postgres") changes.push(bus.state());
    });
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    unsubscribe();
    assertEquals(changes, []);
  }));

Deno.test("a silent Redis counts as not heard, and as heard again when it answers", () =>
  withBus(true, async ({ redis, becomes }) => {
    await becomes("redis");
    redis.replies = "held";
    await becomes("postgres");
    redis.open();
    await becomes("redis");
  }));

Deno.test("a refused NOTIFY leaves LISTEN alone, and it is heard again once NOTIFY is allowed", () =>
  withDatabase((database) =>
    withPlainRole(database, async (url) => {
      const { sql } = database;
      await sql`revoke execute on function pg_notify(text, text) from public`;
      const pool = new Pool({ url, name: "test", maxConnections: 1, statementTimeoutMs: 1_000 });
      const hints = new Hints(systemClock.now);
      const bus = startBus({
        databaseUrl: url,
        pool,
        hints,
        redisUrl: null,
        redisPrefix: "none",
        onNotice: () => undefined,
      });
      const listener = async () => {
        const [row] = await sql<{ pid: number }[]>`
          select pid from pg_stat_activity where datname = current_database()
            and application_name = 'weir listen'`;
        return row?.pid ?? null;
      };
      try {
        const pid = await until("LISTEN", listener);
        await until("nothing to be heard", () => bus.state() === "down");
        await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
        assertEquals([await listener(), bus.state()], [pid, "down"]);
        assertEquals(hints.failing.map(({ name }) => name), ["echo"]);
        await sql`grant execute on function pg_notify(text, text) to public`;
        await until("LISTEN to be heard", () => bus.state() === "postgres");
        assertEquals(await listener(), pid, "by the connection that was there all the time");
      } finally {
        await bus.stop();
        await pool.end();
      }
    })
  ));
