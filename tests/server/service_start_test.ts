/** The start of a process: with a database that is away, and with failures that stay. */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { createTestClient, KEY } from "../support/services/instance.ts";
import { testDatabase } from "../support/services/database.ts";
import { anInput } from "../support/load/orders.ts";
import { callHttp, request } from "../support/load/raw_calls.ts";
import { expectRefusal } from "../support/load/refusals.ts";
import {
  type Ended,
  type Environment,
  runService,
  withProcesses,
} from "../support/services/service_process.ts";
import { temporaryFolder, testServices, until } from "../support/services/services.ts";
import { WireProxy } from "../support/faults/wire_proxy.ts";

/** Expects a tidy failure: exit code 1, one line on stderr, no place in the code. */
function expectOneLine({ code, stderr }: Ended, line: RegExp): void {
  assertEquals(code, 1, stderr);
  const lines = stderr.trimEnd().split("\n");
  assertEquals(lines.length, 1, stderr);
  assertMatch(lines[0] ?? "", line);
  assertEquals(/\.[jt]s:\d|\bat \S+ \(/.test(stderr), false, stderr);
}

/** A URL of the run's database with one part changed. */
function changed(change: (url: URL) => void): string {
  const url = new URL(testServices().databaseUrl);
  change(url);
  return url.href;
}

Deno.test("a service started while the database is away waits for it, and then takes orders", () =>
  withProcesses(async ({ database, start }) => {
    const proxy = WireProxy.to(database.url);
    proxy.cut();
    try {
      const service = await start({
        DATABASE_URL: proxy.through(database.url),
        WEIR_SPILL: "off",
      });
      const status = async (path: string) => (await request(`${service.url}${path}`)).status;
      await service.says(/the database is away/);
      assertEquals([await status("/healthz"), await status("/readyz")], [200, 503]);
      assertEquals(await status("/metrics"), 200);
      const order = anInput({ deadlineMs: 1_000 });
      const refused = await callHttp(service.url, "mutation", "orders.place", order, KEY);
      assert([408, 503].includes(refused.status), refused.text);
      assertMatch(refused.text, /"reason":"(circuit_open|deadline_exceeded)"/);
      const read = await callHttp(service.url, "query", "dashboard.snapshot", {}, KEY);
      expectRefusal(read, "unavailable");
      assertEquals((await database.sql`select from orders`).length, 0);

      await proxy.mend();
      await service.says(/"ready"|ready/);
      await until("the service to be ready", async () => await status("/readyz") === 200);
      const client = createTestClient(service.url, KEY);
      const { replayed } = await client.api.orders.place.mutate(order);
      assertEquals(replayed, false, "the refusal stored nothing and used up no key");
      await client.close();
      assertEquals((await service.stop()).code, 0);
    } finally {
      await proxy.close();
    }
  }));

Deno.test("a service that is stopped while the database is away ends at once", () =>
  withProcesses(async ({ database, start }) => {
    const proxy = WireProxy.to(database.url);
    proxy.cut();
    const service = await start({ DATABASE_URL: proxy.through(database.url) });
    await service.says(/the database is away/);
    const begunAt = performance.now();
    assertEquals((await service.stop()).code, 0);
    assertLess(performance.now() - begunAt, 8_000);
    await proxy.close();
  }));

Deno.test("a bad variable ends the start with one line that names it", async () => {
  const bad: readonly (readonly [Environment, RegExp])[] = [
    [{ PORT: "eighty" }, /PORT/],
    [{ PORT: "65536" }, /PORT/],
    [{ DATABASE_URL: "mysql://u:secret@h/db" }, /DATABASE_URL/],
    [{ REDIS_URL: "http://:secret@h" }, /REDIS_URL/],
    [{ WEIR_QUEUE_MAX_BYTES: "64 megabytes" }, /WEIR_QUEUE_MAX_BYTES/],
    [{ LOG_LEVEL: "loud" }, /LOG_LEVEL/],
    [{ WEIR_DEV_KEY: "short" }, /WEIR_DEV_KEY/],
    [{ HOST: "0.0.0.0", WEIR_DEV_KEY: "secret-secret" }, /WEIR_DEV_KEY/],
  ];
  for (const [environment, line] of bad) {
    const ended = await runService(environment);
    expectOneLine(ended, line);
    assertEquals(ended.stderr.includes("secret"), false, "no secret is shown");
  }
});

Deno.test("a wrong DATABASE_URL ends the start with one line", async () => {
  const { redisUrl } = testServices();
  const wrong = [
    changed((url) => url.pathname = "/no_such_database"),
    changed((url) => url.password = "wrong-password"),
    changed((url) => url.username = "nobody"),
  ];
  for (const url of wrong) {
    const ended = await runService({ DATABASE_URL: url, REDIS_URL: redisUrl });
    expectOneLine(ended, /DATABASE_URL/);
    assertEquals(ended.stderr.includes("wrong-password"), false);
  }
});

Deno.test("a port in use, and an address of another machine, end the start with one line", () =>
  withProcesses(async ({ database, redis }) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const given = { DATABASE_URL: database.url, REDIS_URL: redis.url };
    const taken = await runService({ ...given, PORT: String(listener.addr.port) });
    expectOneLine(taken, /PORT/);
    expectOneLine(await runService({ ...given, HOST: "192.0.2.1", WEIR_DEV_KEY: "" }), /HOST/);
    expectOneLine(
      await runService({ ...given, HOST: "no.such.host.invalid", WEIR_DEV_KEY: "" }),
      /HOST/,
    );
    listener.close();
  }));

Deno.test("a schema that this version does not know ends the start with one line", async () => {
  const database = await testDatabase();
  try {
    const given = { DATABASE_URL: database.url, REDIS_URL: testServices().redisUrl };
    await database.sql`
      insert into weir_migrations (name, sha256, applied_at) values ('9999_later.sql', '', now())`;
    expectOneLine(await runService(given), /newer than this code.*9999_later/);
    await database.sql`delete from weir_migrations where name = '9999_later.sql'`;
    await database.sql`update weir_migrations set sha256 = 'other' where name = '0001_orders.sql'`;
    expectOneLine(await runService(given), /0001_orders.sql was edited/);
  } finally {
    await database.drop();
  }
});

Deno.test("a data folder that cannot be used ends the start with one line", async () => {
  const folder = await temporaryFolder();
  try {
    const file = `${folder}/file`;
    await Deno.writeTextFile(file, "not a folder");
    expectOneLine(await runService({ WEIR_DATA_DIR: file }), /file|WEIR_DATA_DIR/);
    const broken = `${folder}/broken`;
    await Deno.mkdir(`${broken}/postgres`, { recursive: true });
    await Deno.writeTextFile(`${broken}/postgres/PG_VERSION`, "8.4\n");
    expectOneLine(await runService({ WEIR_DATA_DIR: broken }), /broken/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
