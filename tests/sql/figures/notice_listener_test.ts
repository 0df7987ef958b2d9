import { assertEquals } from "@std/assert";
import { Pool } from "../../../sql/connection/pool.ts";
import { startNoticeListener } from "../../../sql/figures/notice_listener.ts";
import { withDatabase } from "../../support/services/database.ts";
import { until } from "../../support/services/services.ts";

Deno.test("a listener gets a connection although calls use all that the role may have", () =>
  withDatabase(async ({ directUrl: url, sql }) => {
    const role = `weir_limited_${crypto.randomUUID().slice(0, 8)}`;
    await sql.unsafe(`create role ${role} login password 'x' connection limit 2`);
    const limited = new URL(url);
    limited.username = role;
    limited.password = "x";
    const pool = new Pool({
      url: limited.href,
      name: "test",
      maxConnections: 2,
      statementTimeoutMs: 5_000,
    });
    const failures: unknown[] = [];
    let isOver = false;
    const ask = async () => {
      while (!isOver) await pool.run((one) => one`select 1`).catch((error) => failures.push(error));
    };
    const asking = Promise.all([ask(), ask()]);
    await until("both connections to be taken", () => pool.open === 2);
    let isListening = false;
    let refusals = 0;
    const listener = startNoticeListener(limited.href, {
      onNotice: () => undefined,
      onEcho: () => undefined,
      onListening: () => isListening = true,
      onFull: () => {
        refusals++;
        pool.makeRoom();
      },
      onShared: () => undefined,
    });
    await until("LISTEN to be in force", () => isListening);
    isOver = true;
    await asking;
    await listener.stop();
    await pool.end(1_000);
    assertEquals(failures, []);
    assertEquals(refusals > 0, true, "the role was full");
    await until(
      "the role to have no session",
      async () => (await sql`select from pg_stat_activity where usename = ${role}`).length === 0,
    );
    await sql.unsafe(`drop role ${role}`);
  }));
