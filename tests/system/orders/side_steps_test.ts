/**
 * A side step is refused for ever: by a role's rights, by a table that is gone, or by Redis.
 * Orders, folds and the drain go on, and the log says what is missing.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Redis } from "ioredis";
import { overflowKeys } from "../../../server/overflow/scripts.ts";
import { migrate } from "../../../sql/migrate.ts";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { whileRefusing } from "../../support/faults/refusing_database.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { outcomeOf } from "../../support/recount/history.ts";
import type { TestSql } from "../../support/services/database.ts";
import { withPlainRole } from "../../support/services/roles/plain_role.ts";
import type { ServiceProcess } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";

const ORDERS = 20;
const USER = "plain";

interface Step {
  readonly name: string;
  readonly refuse?: (sql: TestSql, role: string) => Promise<unknown>;
  /** Rules of Redis's ACL for the service's user, after all rights. */
  readonly acl?: (prefix: string) => readonly string[];
  /** The line of the log. Null: nothing is missing. */
  readonly says: RegExp | null;
  /** True when the step is only taken while orders wait in the overflow. */
  readonly inOutage?: true;
}

const hint = (name: string) => new RegExp(`nothing waits for it: ${name}: `);

const STEPS: readonly Step[] = [
  {
    name: "NOTIFY",
    refuse: (sql) => sql`revoke execute on function pg_notify(text, text) from public`,
    says: hint("notify"),
  },
  {
    name: "publish",
    acl: () => ["-publish"],
    says: hint("publish"),
  },
  {
    name: "subscribe",
    acl: () => ["-subscribe"],
    says: hint("subscribe"),
  },
  {
    name: "the snapshot cache",
    acl: (prefix) => ["resetkeys", `~${overflowKeys(prefix).stream.replace(/stream$/, "*")}`],
    says: hint("cache write"),
  },
  {
    name: "the history of folds, whose table is gone",
    refuse: (sql) => sql`drop table fold_runs`,
    says: hint("fold history"),
  },
  {
    name: "the history of folds, which this role may not write",
    refuse: (sql, role) => sql.unsafe(`revoke insert on fold_runs from ${role}`),
    says: hint("fold history"),
  },
  {
    name: "the identity of the database",
    refuse: async (sql) => {
      await sql`revoke execute on function pg_control_system() from public`;
      await sql`revoke execute on function pg_current_wal_lsn() from public`;
    },
    says: hint("database identity"),
  },
  {
    name: "the mark for a standby, where there is none",
    refuse: async (sql) => {
      const functions = await sql<{ name: string }[]>`
        select oid::regprocedure::text as name from pg_proc where proname = 'pg_logical_emit_message'`;
      for (const { name } of functions) {
        await sql.unsafe(`revoke execute on function ${name} from public`);
      }
    },
    says: null,
  },
  {
    name: "statistics of the server",
    refuse: async (sql) => {
      for (const view of ["pg_stat_activity", "pg_stat_database", "pg_stat_replication"]) {
        await sql.unsafe(`revoke select on ${view} from public`);
      }
    },
    says: null,
  },
  {
    name: "the age of the oldest order",
    acl: () => ["-time"],
    says: hint("overflow age"),
    inOutage: true,
  },
  {
    name: "names of connections, PING and CLIENT",
    acl: () => ["-client", "-ping"],
    says: null,
  },
];

/** Runs `test` with an instance whose plain role and plain Redis user are refused the step. */
async function withRefused(
  run: FaultRun,
  { refuse, acl }: Step,
  test: (service: ServiceProcess) => Promise<void>,
): Promise<void> {
  const { url } = run.postgres;
  await migrate({ databaseUrl: url });
  await run.askRedis((redis: Redis) =>
    redis.call(
      "ACL",
      "SETUSER",
      USER,
      "reset",
      "on",
      `>${USER}`,
      "~*",
      "&*",
      "+@all",
      ...(acl?.(run.prefix) ?? []),
    )
  );
  await run.ask((sql) =>
    withPlainRole({ sql, directUrl: url }, async (plainUrl, role) => {
      await refuse?.(sql, role);
      const redisUrl = new URL(run.redisUrl);
      redisUrl.username = USER;
      redisUrl.password = USER;
      const service = await run.instance({
        DATABASE_URL: plainUrl,
        REDIS_URL: redisUrl.href,
        LOG_LEVEL: "debug",
      });
      try {
        await test(service);
      } finally {
        await service.kill();
      }
    })
  );
}

for (const step of STEPS) {
  Deno.test(`orders, folds and the drain go on with this refused: ${step.name}`, () =>
    withFaults((run) =>
      withRefused(run, step, async (service) => {
        const { url } = service;
        await until("the overflow", async () => (await statusOf(url)).spill.state === "ready");
        const load = run.load({ urls: () => [url] });
        const place = async () => {
          const orders = Array.from({ length: ORDERS }, () => load.newOrder());
          return (await load.attemptMany(orders, url)).map(outcomeOf);
        };
        assertEquals(new Set(await place()), new Set(["committed"]));
        const order = load.newOrder();
        const [, again] = [await load.attempt(order, url), await load.attempt(order, url)];
        assert(again.kind === "acknowledged" && again.replayed);
        await whileRefusing(run, url, place, async () => {
          if (step.inOutage && step.says !== null) await service.says(step.says);
        });
        await run.drained();
        await until("the journal to be folded", async () =>
          (await run.ask((sql) => sql`select from journal`)).length === 0);
        await run.ask(expectExact);
        const stored = await run.ask((sql) =>
          sql`select from orders`
        );
        assertEquals(await ordersShown(url), stored.length, "orders on a dashboard");
        await run.verify(load);
        if (step.says !== null) {
          await service.says(step.says);
        }
        const { stdout, stderr } = await service.stop();
        const lines = `${stdout}${stderr}`.split("\n").filter((line) => /nothing waits/.test(line));
        report(step.name, { hints: lines.length });
        if (step.says === null) assertEquals(lines, []);
        else assertMatch(lines.join("\n"), step.says);
        assertEquals(lines.length, new Set(lines.map((line) => JSON.parse(line).message)).size);
      })
    ));
}

/** The orders of today that a dashboard shows. */
async function ordersShown(url: string): Promise<number> {
  const client = createTestClient(url, KEY);
  try {
    const { currencies } = await client.api.dashboard.snapshot.query({});
    return currencies.reduce((sum, { today }) => sum + today.orders, 0);
  } finally {
    await client.close();
  }
}
