/** The start of a process with servers, files and poolers that cannot serve it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeAuthority } from "../support/faults/certificates.ts";
import {
  authenticationRequest,
  errorResponse,
  isTlsRequest,
  startScriptedServer,
} from "../support/faults/scripted_server.ts";
import { startPostgres } from "../support/services/server_process.ts";
import {
  type Environment,
  runService,
  startService,
  withProcesses,
} from "../support/services/service_process.ts";
import { promote, withStandby } from "../support/services/standby.ts";
import { withFolder } from "../support/services/services.ts";
import { runTask as run } from "../support/services/tasks.ts";

/** The last line of the start and of a task, which both end. Earlier lines warn of failed tries. */
async function endsWith(databaseUrl: string, more: Environment = {}): Promise<string> {
  const environment = { DATABASE_URL: databaseUrl, WEIR_SPILL: "off", ...more };
  const ends = await Promise.all([
    runService(environment),
    run("keys", "list", environment),
  ]);
  for (const { code, stderr } of ends) {
    assertEquals(code, 1, stderr);
    assertEquals(/a bug|s3cr3t|\.[jt]s:\d/.test(stderr), false, stderr);
  }
  const [ofService = "", ofTask = ""] = ends.map(({ stderr }) => stderr.trim());
  assertEquals(ofService.split("\n").at(-1), ofTask, "the same words, and one line of the task");
  return ofTask;
}

Deno.test("a server that never lets this user or this database in ends the start", async () => {
  const server = await startPostgres();
  try {
    const rules = "host weir weir 127.0.0.1/32 scram-sha-256\nhost all other 127.0.0.1/32 reject\n";
    await Deno.writeTextFile(`${server.plan.path}/postgres/pg_hba.conf`, rules);
    await server.stop();
    await server.start();
    const at = (path: string) => `postgres://other:s3cr3t@127.0.0.1:${server.port}${path}`;
    assertMatch(await endsWith(at("/weir")), /refuses the login: .*rejects.*28000.*DATABASE_URL/);
    const missing = server.url.replace(/weir$/, "nothing");
    assertMatch(await endsWith(missing), /refuses the login: .*pg_hba\.conf/);
    const setting = `${server.url}?options=-c%20no_such_setting%3D1`;
    assertMatch(await endsWith(setting), /does not take a setting.*no_such_setting.*options/);
    const tls = `${server.url}?sslmode=require`;
    assertMatch(await endsWith(tls), /the database has no TLS: .*sslmode/);
  } finally {
    await server.dispose();
  }
});

Deno.test("a certificate file where the process may not read is named, and so is one that is missing", () =>
  withFolder(async (folder) => {
    const authority = await makeAuthority(folder, "authority");
    const url = `postgres://u:s3cr3t@127.0.0.1:1/db?sslmode=verify-full&sslrootcert=`;
    const server = startScriptedServer(() => "S");
    try {
      const at = url.replace(":1/", `:${server.port}/`);
      const far = await endsWith(`${at}${authority.file}`);
      assertMatch(far, /cannot be used: .*sslrootcert: .*may not read there.*data folder/);
      const none = await endsWith(`${at}${folder}/none.pem`, { WEIR_DATA_DIR: folder });
      assertMatch(none, /no such file/);
    } finally {
      await server.close();
    }
  }));

Deno.test("a pooler without the database, a server with Kerberos alone and a web server end the start", async () => {
  const pooler = startScriptedServer((piece) =>
    isTlsRequest(piece) ? "N" : errorResponse("08P01", "no such database: db")
  );
  const kerberos = startScriptedServer((piece) =>
    isTlsRequest(piece) ? "N" : authenticationRequest(7)
  );
  const web = startScriptedServer(() => "HTTP/1.1 400 Bad Request\r\n\r\n");
  try {
    const at = (port: number) => `postgres://u:s3cr3t@127.0.0.1:${port}/db`;
    assertMatch(await endsWith(at(pooler.port)), /the pooler does not know the database: .*db/);
    assertMatch(await endsWith(at(kerberos.port)), /refuses the login: .*GSSAPI.*pg_hba\.conf/);
    assertMatch(await endsWith(at(web.port)), /another program than PostgreSQL .*port/);
    assert(web.count() > 5, "a balancer may answer for a server that is about to come");
  } finally {
    await pooler.close();
    await kerberos.close();
    await web.close();
  }
});

Deno.test("a name that no host has is told at once and again with the setting, not each second", async () => {
  const service = await startService({
    DATABASE_URL: "postgres://u:s3cr3t@no.such.host.invalid,127.0.0.1:1/db",
    WEIR_SPILL: "off",
  });
  const said = await service.says(/the database is away: [^"]*\(\d+ tries in \d+ s\): [^"]*/);
  assertMatch(said[0], /no\.such\.host\.invalid.*; .*127\.0\.0\.1:1.*host in DATABASE_URL/);
  const { code, stdout, stderr } = await service.stop();
  assertEquals(code, 0);
  const lines = (stdout + stderr).match(/the database is away/g)?.length ?? 0;
  assert(lines <= 3, `${lines} lines in three seconds`);
});

Deno.test("only standbys among the hosts: the service is not ready and says so, until one is promoted", async () => {
  const primary = await startPostgres();
  try {
    await withStandby(primary, async (standby) => {
      const migrated = await run("migrate", "", { DATABASE_URL: primary.url });
      assertEquals(migrated.code, 0, migrated.stderr);
      const service = await startService({ DATABASE_URL: standby.url, WEIR_SPILL: "off" });
      await service.says(/only standbys answer/);
      const ready = await fetch(`${service.url}/readyz`);
      await ready.body?.cancel();
      assertEquals(ready.status, 503);
      const task = await run("aggregate", "", { DATABASE_URL: standby.url });
      assertMatch(task.stderr, /only standbys answer/);
      assertEquals([task.code, task.stderr.trim().split("\n").length], [1, 1]);
      await promote(standby);
      await service.says(/the database can be used, after \d+ failed tries[^]*"ready"/);
      await service.stop();
    });
  } finally {
    await primary.dispose();
  }
});

Deno.test("no PG* variable keeps a service from its database", () =>
  withProcesses(async ({ start }) => {
    const service = await start({
      PGTARGETSESSIONATTRS: "standby",
      PGHOST: "192.0.2.1",
      PGSSLMODE: "verify-full",
      PGOPTIONS: "-c search_path=nowhere",
    });
    await service.says(/"ready"/);
    assertEquals((await service.stop()).code, 0);
  }));

Deno.test("a parameter that is left out has one line in the log, a warning when it weakens", () =>
  withProcesses(async ({ database, start }) => {
    const query = "channel_binding=require&keepalives_idle=5";
    const service = await start({ DATABASE_URL: `${database.url}?${query}` });
    await service.says(/"ready"/);
    const { stdout, stderr } = await service.stop();
    const lines = (stdout + stderr).split("\n");
    const levelOf = (name: string) =>
      lines.filter((line) => line.includes(`DATABASE_URL: ${name} `))
        .map((line) => JSON.parse(line).level);
    assertEquals(levelOf("channel_binding"), ["WARN"]);
    assertEquals(levelOf("keepalives_idle"), ["INFO"]);
  }));
