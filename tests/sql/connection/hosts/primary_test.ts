/** The primary among several hosts: silent ones, closed ones, a standby, and two that both say yes. */
import { assert, assertEquals, assertLess, assertMatch, assertRejects } from "@std/assert";
import { NotConnected } from "../../../../sql/connection/failure.ts";
import { Pool } from "../../../../sql/connection/pool.ts";
import { Primary, primaryOf } from "../../../../sql/connection/hosts/primary.ts";
import { understand } from "../../../../sql/connection/url.ts";
import { withDatabase } from "../../../support/services/database.ts";
import { type ServerProcess, startPostgres } from "../../../support/services/server_process.ts";
import { eitherOf, promote, withStandby } from "../../../support/services/standby.ts";
import { connect } from "../../../../sql/connection/driver.ts";
import { until } from "../../../support/services/services.ts";

const TIMEOUT_MS = 10_000;
/** Less than the time after which a session that nobody uses is ended anyway. */
const LEFT_MS = 5_000;
/** Nobody listens there. */
const CLOSED = ["127.0.0.1:1", "127.0.0.1:2"];

/** A server's address with other hosts before its own. */
function among(url: string, ...before: readonly string[]): string {
  const { host, username, password, pathname } = new URL(url);
  const text = `postgres://${username}:${password}@${[...before, host].join(",")}${pathname}`;
  return understand(text).url;
}

const failureOf = (url: string) =>
  assertRejects(() => new Primary(url).find(TIMEOUT_MS), NotConnected);

const portOf = (server: { readonly url: string }) => Number(new URL(server.url).port);

/** The sessions of a pool with a server. */
async function sessionsWith({ url }: ServerProcess, name: string): Promise<number> {
  const sql = connect(url, { max: 1 });
  try {
    return (await sql`select from pg_stat_activity where application_name = ${`weir ${name}`}`)
      .length;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

Deno.test("a silent host and a closed one before the primary cost no time", () =>
  withDatabase(async ({ url }) => {
    const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    try {
      const begunAt = performance.now();
      const hosts = among(url, `127.0.0.1:${silent.addr.port}`, ...CLOSED);
      const { port } = await new Primary(hosts).find(TIMEOUT_MS);
      assertEquals(port, portOf({ url }));
      assertLess(performance.now() - begunAt, TIMEOUT_MS / 4);
    } finally {
      silent.close();
    }
  }));

Deno.test("without any host that answers, all failures are told, the same in any order", async () => {
  const text = (hosts: readonly string[]) => `postgres://u:p@${hosts.join(",")}/db`;
  const { message, code } = await failureOf(text(CLOSED));
  assertEquals(code, "ECONNREFUSED");
  assertMatch(message, /^.*127\.0\.0\.1:1.*; .*127\.0\.0\.1:2/);
  assertEquals((await failureOf(text(CLOSED.toReversed()))).message, message);
});

Deno.test("a host that starts is asked again while another one is silent", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = await startPostgres();
  try {
    await server.stop();
    const begunAt = performance.now();
    const finding = new Primary(among(server.url, `127.0.0.1:${silent.addr.port}`))
      .find(6 * TIMEOUT_MS);
    await server.start();
    assertEquals((await finding).port, server.port);
    assertLess(performance.now() - begunAt, TIMEOUT_MS);
  } finally {
    silent.close();
    await server.dispose();
  }
});

Deno.test("a primary is asked again when it is in doubt, and not before", async () => {
  const server = await startPostgres();
  try {
    const primary = new Primary(among(server.url, ...CLOSED));
    const host = await primary.find(TIMEOUT_MS);
    await server.stop();
    assertEquals(await primary.find(TIMEOUT_MS), host);
    primary.doubt();
    const asked = primary.find(TIMEOUT_MS);
    const askedMeanwhile = primary.find(TIMEOUT_MS);
    for (const answer of [asked, askedMeanwhile]) {
      await assertRejects(() => answer, NotConnected, `127.0.0.1:${server.port}`);
    }
    await server.start();
    assertEquals(await primary.find(TIMEOUT_MS), host);
  } finally {
    await server.dispose();
  }
});

Deno.test("one address is one primary in the process, and a single host is never asked", () => {
  const url = "postgres://u:p@h1:5432,h2:5432/db";
  assert(primaryOf(url) !== null && primaryOf(url) === primaryOf(url));
  assertEquals(primaryOf("postgres://u:p@h1:5432/db"), null);
});

Deno.test("a standby is passed over, and a promoted one is taken although the old primary still answers", async () => {
  const old = await startPostgres();
  try {
    await withStandby(old, async (standby) => {
      const url = understand(eitherOf(standby, old)).url;
      const pool = new Pool({
        url,
        name: "among",
        maxConnections: 1,
        statementTimeoutMs: TIMEOUT_MS,
      });
      try {
        const isStandby = () =>
          pool.run(async (sql) => (await sql`select pg_is_in_recovery() as is`)[0]?.["is"]);
        assertEquals(await isStandby(), false);
        assertEquals(await sessionsWith(old, "among"), 1);

        await old.freeze();
        const primary = primaryOf(url)!;
        primary.doubt();
        const begunAt = performance.now();
        const { code, message } = await assertRejects(() => primary.find(TIMEOUT_MS), NotConnected);
        assertEquals(code, "25006");
        assertMatch(message, new RegExp(`:${standby.port}: it is a standby.*no answer of 1 host`));
        assertLess(performance.now() - begunAt, TIMEOUT_MS / 2, "a silent host is not waited for");
        await old.thaw();

        await promote(standby);
        assertEquals((await primary.find(TIMEOUT_MS)).port, standby.port);
        await until(
          "the sessions with the old primary to be closed",
          async () => await sessionsWith(old, "among") === 0,
          LEFT_MS,
        );
        assertEquals(await isStandby(), false);
        assertEquals(await sessionsWith(standby, "among"), 1);
      } finally {
        await pool.end();
      }
    });
  } finally {
    await old.dispose();
  }
});
