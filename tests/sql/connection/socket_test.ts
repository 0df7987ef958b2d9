/** The way to a server: TLS against a real PostgreSQL, and servers that are none. */
import { assertEquals, assertLess, assertMatch, assertRejects } from "@std/assert";
import { connect } from "../../../sql/connection/driver.ts";
import { codeOf } from "../../../sql/connection/failure.ts";
import { makeAuthority } from "../../support/faults/certificates.ts";
import {
  type Answer,
  authenticationRequest,
  errorResponse,
  isTlsRequest,
  startScriptedServer,
} from "../../support/faults/scripted_server.ts";
import { withDatabase } from "../../support/services/database.ts";
import { type ServerProcess, startPostgres } from "../../support/services/server_process.ts";
import { withFolder } from "../../support/services/services.ts";

/** Whether the connection to `url` has TLS. @throws the error of the connection */
async function usesTls(url: string, timeoutSeconds = 10): Promise<boolean> {
  const sql = connect(url, { max: 1, connect_timeout: timeoutSeconds });
  try {
    const [row] = await sql<{ ssl: boolean }[]>`
      select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
    return row?.ssl === true;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** The code and the message of the failed connection. */
async function failureOf(url: string, timeoutSeconds = 10): Promise<string> {
  const error = await assertRejects(() => usesTls(url, timeoutSeconds)) as Error;
  return `${codeOf(error)}: ${error.message}`;
}

/** Runs `test` with a server whose first answer is the test's. */
async function withAnswer(answer: Answer, test: (url: string) => Promise<void>): Promise<void> {
  const server = startScriptedServer(answer);
  try {
    await test(`postgres://u:p@127.0.0.1:${server.port}/db`);
  } finally {
    await server.close();
  }
}

/** Gives a stopped PostgreSQL the certificate at `path`, and starts it with TLS. */
async function startWith(server: ServerProcess, path: string, settings = {}): Promise<void> {
  await server.stop();
  const data = `${server.plan.path}/postgres`;
  for (const ending of ["crt", "key"]) {
    const file = `${data}/server.${ending}`;
    await Deno.copyFile(`${path}.${ending}`, file);
    await Deno.chmod(file, 0o600);
    const args = [`--reference=${data}/PG_VERSION`, file];
    await new Deno.Command("chown", { args }).output(); // as the server's other files
  }
  await server.start({ ssl: "on", ...settings });
}

Deno.test("TLS: each sslmode takes and refuses the certificates that libpq takes and refuses", () =>
  withFolder(async (folder) => {
    const [authority, other] = [
      await makeAuthority(folder, "authority"),
      await makeAuthority(folder, "other"),
    ];
    const server = await startPostgres();
    try {
      const at = (host: string, query: string) =>
        `${server.url.replace("127.0.0.1", host)}?${query}`;
      assertEquals(await usesTls(at("localhost", "sslmode=prefer")), false, "the server has none");
      assertMatch(await failureOf(at("localhost", "sslmode=require")), /^WEIR_NO_TLS: /);

      await startWith(server, await authority.issue("good", "DNS:localhost,IP:127.0.0.1"));
      const ca = `sslrootcert=${authority.file}`;
      const wrong = `sslrootcert=${other.file}`;
      assertEquals(await usesTls(at("localhost", "sslmode=disable")), false);
      for (const mode of ["allow", "prefer", "require"]) {
        assertEquals(await usesTls(at("localhost", `sslmode=${mode}`)), true, mode);
      }
      for (const mode of ["require", "verify-ca", "verify-full"]) {
        assertEquals(await usesTls(at("localhost", `sslmode=${mode}&${ca}`)), true, mode);
        const failure = await failureOf(at("localhost", `sslmode=${mode}&${wrong}`));
        assertMatch(failure, /^(UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/, mode);
      }
      assertEquals(await usesTls(at("127.0.0.1", `sslmode=verify-full&${ca}`)), true, "by address");
      assertMatch(
        await failureOf(at("localhost", "sslrootcert=system")),
        /^(UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/,
      );
      const direct = `sslmode=verify-full&sslnegotiation=direct&${ca}`;
      assertEquals(await usesTls(at("localhost", direct)), true);
      const missing = at("localhost", `sslmode=verify-full&sslrootcert=${folder}/none.pem`);
      assertMatch(
        await failureOf(missing),
        /^WEIR_CERTIFICATE_FILE: .*sslrootcert: .*no such file/,
      );
      const noPem = at("localhost", "sslmode=verify-full&sslrootcert=/etc/hostname");
      assertMatch(await failureOf(noPem), /no PEM/);

      await startWith(server, await authority.issue("elsewhere", "DNS:db.example"));
      assertEquals(await usesTls(at("localhost", `sslmode=verify-ca&${ca}`)), true);
      assertMatch(
        await failureOf(at("localhost", `sslmode=verify-full&${ca}`)),
        /^ERR_TLS_CERT_ALTNAME_INVALID: .*db\.example/,
      );
      assertMatch(await failureOf(at("127.0.0.1", `sslmode=verify-full&${ca}`)), /ALTNAME/);

      await startWith(server, await authority.issue("old", "DNS:localhost", -1));
      assertMatch(
        await failureOf(at("localhost", `sslmode=verify-full&${ca}`)),
        /^CERT_HAS_EXPIRED: /,
      );
    } finally {
      await server.dispose();
    }
  }));

Deno.test("TLS: the client shows its certificate to a server that asks for one", () =>
  withFolder(async (folder) => {
    const authority = await makeAuthority(folder, "authority");
    const server = await startPostgres();
    try {
      const data = `${server.plan.path}/postgres`;
      await Deno.copyFile(authority.file, `${data}/root.crt`);
      await Deno.chmod(`${data}/root.crt`, 0o644);
      const rules = "hostssl postgres all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n" +
        "host weir all 127.0.0.1/32 scram-sha-256\n";
      await Deno.writeTextFile(`${data}/pg_hba.conf`, rules);
      const certificate = await authority.issue("server", "DNS:localhost");
      await startWith(server, certificate, { ssl_ca_file: "root.crt" });
      const client = await authority.issue("client", "DNS:client");
      const own = `sslcert=${client}.crt&sslkey=${client}.key`;
      const guarded = server.url.replace(/weir$/, "postgres");
      assertEquals(await usesTls(`${guarded}?sslmode=require&${own}`), true);
      const none = await failureOf(`${guarded}?sslmode=require`);
      assertMatch(none, /^28000: .*client certificate/);
    } finally {
      await server.dispose();
    }
  }));

Deno.test("a server that is not PostgreSQL is named as such, with and without TLS", async () => {
  const http: Answer = () => "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
  await withAnswer(http, async (url) => {
    for (const mode of ["disable", "prefer", "require"]) {
      const failure = await failureOf(`${url}?sslmode=${mode}`, 2);
      assertMatch(failure, /^WEIR_NOT_POSTGRES: .*"HTTP\/1\.1 400 Bad Request"/, mode);
    }
  });
  await withAnswer(() => "-ERR unknown command\r\n", async (url) => {
    assertMatch(await failureOf(`${url}?sslmode=disable`, 2), /^WEIR_NOT_POSTGRES: .*-ERR/);
  });
  await withAnswer(() => null, async (url) => {
    assertMatch(await failureOf(url, 2), /^CONNECTION_CLOSED: .*hung up/);
    assertMatch(await failureOf(`${url}?sslmode=disable`, 2), /^CONNECTION_CLOSED: /);
  });
});

Deno.test("plain text after the answer about TLS is refused", () =>
  withAnswer(() => "SSLIPPED IN", async (url) => {
    assertMatch(await failureOf(`${url}?sslmode=require`, 2), /^WEIR_NOT_POSTGRES: /);
  }));

Deno.test("a proof that a password cannot give is named, and nobody waits for it", async () => {
  const ways = [
    [authenticationRequest(7), /GSSAPI/],
    [authenticationRequest(9), /SSPI/],
    [authenticationRequest(10, "SCRAM-SHA-256-PLUS\0\0"), /SCRAM-SHA-256-PLUS/],
    [authenticationRequest(10, "OAUTHBEARER\0\0"), /OAUTHBEARER/],
  ] as const;
  for (const [request, name] of ways) {
    await withAnswer((piece) => isTlsRequest(piece) ? "N" : request, async (url) => {
      const begunAt = performance.now();
      const failure = await failureOf(url, 10);
      assertMatch(failure, /^WEIR_NO_WAY_IN: /);
      assertMatch(failure, name);
      assertLess(performance.now() - begunAt, 5_000);
    });
  }
});

Deno.test("an error of a pooler arrives with its code and its words", () =>
  withAnswer(
    (piece) => isTlsRequest(piece) ? "N" : errorResponse("08P01", "no such database: db"),
    async (url) => {
      assertEquals(await failureOf(url, 2), "08P01: no such database: db");
    },
  ));

Deno.test("no variable of the environment changes a connection", () =>
  withDatabase(async ({ url }) => {
    const foreign = {
      PGHOST: "192.0.2.1",
      PGPORT: "1",
      PGUSER: "nobody",
      PGDATABASE: "nothing",
      PGPASSWORD: "wrong",
      PGSSL: "require",
      PGSSLMODE: "verify-full",
      PGSSLNEGOTIATION: "direct",
      PGAPPNAME: "other",
      PGCONNECT_TIMEOUT: "0.001",
      PGIDLE_TIMEOUT: "0.001",
      PGMAX_LIFETIME: "0.001",
      PGDEBUG: "1",
      PGOPTIONS: "-c work_mem=1MB",
    };
    const before = Object.keys(foreign).map((name) => [name, Deno.env.get(name)] as const);
    for (const [name, value] of Object.entries(foreign)) Deno.env.set(name, value);
    const sql = connect(url, { max: 1 });
    try {
      const seen = async () => {
        const [row] = await sql<{ name: string; memory: string; pid: number }[]>`
          select current_setting('application_name') as name,
                 current_setting('work_mem') as memory, pg_backend_pid() as pid`;
        return row;
      };
      const first = await seen();
      assertEquals([first?.name, first?.memory], ["weir", "4MB"]);
      await sql`select pg_sleep(0.05)`;
      assertEquals((await seen())?.pid, first?.pid, "the connection lives on");
    } finally {
      await sql.end({ timeout: 1 });
      for (const [name, value] of before) {
        if (value === undefined) Deno.env.delete(name);
        else Deno.env.set(name, value);
      }
    }
  }));
