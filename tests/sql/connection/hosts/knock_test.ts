/** A knock tells a server that is frozen from one that is slow, full or gone. */
import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { DatabaseTimeout } from "../../../../sql/connection/failure/given_up.ts";
import { answersKnock } from "../../../../sql/connection/hosts/knock.ts";
import { Pool } from "../../../../sql/connection/pool.ts";
import { understand } from "../../../../sql/connection/url.ts";
import { startPostgres } from "../../../support/services/server_process.ts";

const TIMEOUT_MS = 20_000;
/** Where several hosts are named, one may be left for another. Nobody listens at this one. */
const beside = (url: string) => understand(url.replace("@", "@127.0.0.1:1,")).url;
/** 600 ms until the doubt, 1,200 ms for the knock; several times as much for a busy machine. */
const NOTICED_MS = 6_000;

Deno.test("a server answers a knock unless it is frozen, and a refusal is an answer", async () => {
  const server = await startPostgres({ max_connections: "4", superuser_reserved_connections: "0" });
  const host = { name: "127.0.0.1", port: server.port };
  const full = new Pool({
    url: server.url,
    name: "full",
    maxConnections: 4,
    statementTimeoutMs: TIMEOUT_MS,
  });
  try {
    await Promise.all(
      Array.from({ length: 4 }, () => full.run((sql) => sql`select pg_sleep(0.3)`)),
    );
    assertEquals(await answersKnock(host), true, "all its connections are taken");
    await server.freeze();
    assertEquals(await answersKnock(host), false);
    await server.thaw();
    assertEquals(await answersKnock(host), true);
    await full.end();
    await server.stop();
    assertEquals(await answersKnock(host), true, "nobody listens");
  } finally {
    await full.end();
    await server.dispose();
  }
});

Deno.test("calls that wait for the same server share one knock", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of silent) connections.push(connection);
  })();
  const host = { name: "127.0.0.1", port: silent.addr.port };
  const answers = await Promise.all([answersKnock(host), answersKnock(host), answersKnock(host)]);
  assertEquals(answers, [false, false, false]);
  assertEquals(connections.length, 1);
  silent.close();
  await accepting;
  connections.forEach((connection) => connection.close());
});

Deno.test("a call is given up early when its server is frozen, and not when it is slow", async () => {
  const server = await startPostgres();
  const pool = new Pool({
    url: beside(server.url),
    name: "patient",
    maxConnections: 1,
    statementTimeoutMs: TIMEOUT_MS,
  });
  try {
    const slow = await pool.run((sql) => sql`select pg_sleep(2.5), 'answered' as said`);
    assertEquals(slow[0]?.["said"], "answered");
    await server.freeze();
    const begunAt = performance.now();
    await assertRejects(() => pool.run((sql) => sql`select 1`), DatabaseTimeout);
    const noticedMs = performance.now() - begunAt;
    assertLess(noticedMs, NOTICED_MS);
    assertGreater(noticedMs, 1_000, "a moment's silence is none");
    await server.thaw();
    assert((await pool.run((sql) => sql`select 1`)).length === 1);
  } finally {
    await pool.end();
    await server.dispose();
  }
});
