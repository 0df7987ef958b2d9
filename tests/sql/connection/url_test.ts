/** Connection strings, as libpq reads them and as providers hand them out. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { WrongConnectionString } from "../../../sql/connection/url/grammar.ts";
import { onlyHost, understand, withPooler } from "../../../sql/connection/url.ts";

const targetOf = (text: string) => understand(text).target;
const droppedOf = (text: string) =>
  understand(text).dropped.map(({ name, weakens }) => weakens ? `${name}!` : name);

/** The line that refuses the string. */
function refusal(text: string): string {
  const { message } = assertThrows(() => understand(text), WrongConnectionString) as Error;
  assertEquals(message.includes("\n"), false, message);
  return message;
}

Deno.test("a URI and its keywords give the same hosts, login and database", () => {
  const uri = targetOf("postgresql://u%40x:p%2F%25@h1:1,[::1]:2,h3/d%20b");
  assertEquals(uri.hosts, [
    { name: "h1", port: 1 },
    { name: "::1", port: 2 },
    { name: "h3", port: 5432 },
  ]);
  assertEquals([uri.user, uri.password, uri.database], ["u@x", "p/%", "d b"]);
  const pairs = String.raw`host=h1,::1,h3 port=1,2, user='u@x' password = 'p/%' dbname='d\ b'`;
  assertEquals(targetOf(pairs), uri);
  const query = "postgres:///?host=h1,::1,h3&port=1,2,&user=u%40x&password=p%2F%25&dbname=d%20b";
  assertEquals(targetOf(query), uri);
});

Deno.test("a part that is missing is what libpq takes for it, and no variable fills it", () => {
  Deno.env.set("PGHOST", "elsewhere");
  Deno.env.set("PGDATABASE", "other");
  try {
    const { hosts, database, password } = targetOf("postgres://u@");
    assertEquals([hosts, database, password], [[{ name: "localhost", port: 5432 }], "u", ""]);
    assertEquals(targetOf("postgres://u:p@h:/db?port=7").hosts, [{ name: "h", port: 7 }]);
    assertEquals(targetOf("postgres://u:p@a,b?port=7").hosts.map(({ port }) => port), [7, 7]);
    assertEquals(droppedOf("postgres://h/db"), ["user"], "the user of the system, and a line");
  } finally {
    Deno.env.delete("PGHOST");
    Deno.env.delete("PGDATABASE");
  }
});

Deno.test("a string of a provider is understood as it is handed out", () => {
  const neon = "postgresql://u:p@ep-a-pooler.eu.aws.neon.tech/db?sslmode=require" +
    "&channel_binding=require&options=endpoint%3Dep-a";
  assertEquals(droppedOf(neon), ["channel_binding!"]);
  assertEquals(targetOf(neon).startup, { options: "endpoint=ep-a" });
  const supabase = "postgres://postgres.ref:p@aws-0-eu.pooler.supabase.com:6543/postgres" +
    "?sslmode=require&supa=base-pooler.x&pgbouncer=true";
  assertEquals([droppedOf(supabase), targetOf(supabase).pooler], [[], "transaction"]);
  assertEquals(targetOf(supabase).user, "postgres.ref");
  const prisma = "postgresql://u:p@h:5432/db?schema=shop&connection_limit=5&pool_timeout=2" +
    "&sslaccept=strict";
  assertEquals(droppedOf(prisma), ["connection_limit", "pool_timeout"]);
  assertEquals(targetOf(prisma).settings, { search_path: '"shop"' });
  assertEquals(targetOf(prisma).tls?.check, "chain and name");
  const rds = "postgres://u:p@x.rds.amazonaws.com:5432/db?sslmode=verify-full" +
    "&sslrootcert=/etc/ssl/rds.pem&keepalives=1&keepalives_idle=30&connect_timeout=10";
  assertEquals(droppedOf(rds), ["keepalives", "keepalives_idle"]);
  assertEquals(targetOf(rds).connectTimeoutMs, 10_000);
  const heroku = "postgres://u:p@ec2.compute.amazonaws.com:5432/d1";
  assertEquals([droppedOf(heroku), targetOf(heroku).tls?.optional], [[], true]);
  const azure = "host=x.postgres.database.azure.com port=5432 dbname=db user=u password=p " +
    "sslmode=require";
  assertEquals(targetOf(azure).tls?.check, "nothing");
  const render = "postgres://u:p@dpg-a.frankfurt-postgres.render.com/db?ssl=true";
  assertEquals(targetOf(render).tls?.optional, false);
});

Deno.test("target_session_attrs: the primary is understood, a standby is refused", () => {
  const url = (value: string) => `postgres://u:p@a,b/db?target_session_attrs=${value}`;
  for (const value of ["primary", "read-write", "any"]) understand(url(value));
  for (const value of ["read-only", "standby", "prefer-standby", "master"]) {
    assertMatch(refusal(url(value)), /^target_session_attrs: .*primary/);
  }
});

Deno.test("TLS: each sslmode checks what it checks in libpq", () => {
  const checks = (query: string) => {
    const { tls } = targetOf(`postgres://u:p@h/db?${query}`);
    return tls === null ? "none" : `${tls.optional ? "optional, " : ""}${tls.check}`;
  };
  assertEquals(checks(""), "optional, nothing");
  assertEquals(checks("sslmode=disable"), "none");
  assertEquals(checks("sslmode=allow"), "optional, nothing");
  assertEquals(checks("sslmode=require"), "nothing");
  assertEquals(checks("sslmode=require&sslrootcert=ca.pem"), "chain");
  assertEquals(checks("sslmode=verify-ca&sslrootcert=ca.pem"), "chain");
  assertEquals(checks("sslmode=verify-full"), "chain and name");
  assertEquals(checks("sslrootcert=system"), "chain and name");
  for (
    const query of [
      "sslmode=require&sslrootcert=system",
      "sslmode=verify-ca",
      "sslmode=verify_full",
      "sslnegotiation=direct",
      "sslcert=a.pem",
      "sslkey=a.pem",
    ]
  ) assertMatch(refusal(`postgres://u:p@h/db?${query}`), /ssl/, query);
});

Deno.test("options: settings pass, except the ones that Weir sets itself", () => {
  const url = (options: string) => `postgres://u@h/db?options=${encodeURIComponent(options)}`;
  const text = String.raw`-c search_path=a,\ b --work-mem=64MB -cgeqo=off`;
  assertEquals(targetOf(url(text)).settings, {
    search_path: "a, b",
    work_mem: "64MB",
    geqo: "off",
  });
  const own = "-c DateStyle=German -c statement_timeout=0 -c synchronous_commit=off";
  assertEquals(targetOf(url(own)).settings, {});
  assertEquals(droppedOf(url(own)), [
    "options: datestyle",
    "options: statement_timeout",
    "options: synchronous_commit",
  ]);
  assertMatch(refusal(url("work_mem=1")), /^options: /);
});

Deno.test("a parameter without a row is refused, with the name that was meant", () => {
  const line = (query: string) => refusal(`postgres://u:p@h/db?${query}`);
  assertMatch(line("sslmod=require"), /^sslmod: .*did you mean sslmode\?/);
  assertMatch(line("SSLMODE=require"), /did you mean sslmode\?/);
  assertMatch(line("statement_timeout=5"), /^statement_timeout: .*options=-c/);
  assertMatch(line("hostaddr=10.0.0.1"), /^hostaddr: /);
  assertMatch(line("gssencmode=require"), /^gssencmode: /);
  assertMatch(line("oauth_issuer=x"), /^oauth_issuer: /);
  assertMatch(line("__proto__=x"), /^__proto__: nobody knows it/);
});

Deno.test("a special letter of a password is said clearly, and the password is never shown", () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["postgres://u:s3@cr3t@h/db", /@.*%40/],
    ["postgres://u@tenant:s3cr3t@h/db", /@.*%40/],
    ["postgres://u:s3/cr3t@h/db", /\/.*%2F/],
    ["postgres://u:s3?/cr3t@h/db", /\?.*%3F/],
    ["postgres://u:s3cr3t%@h/db", /%.*%25/],
    ["postgres://u:s3cr3t%zz@h/db", /%.*%25/],
    ["postgres://u:s3cr3t%ff@h/db", /UTF-8/],
    ["postgres://u:s3 cr3t@h:54x/db", /port/],
    ["postgres://u:s3cr3t@h:0/db", /port/],
    ["postgres://u:s3cr3t@h1:1,h2:2/db?port=1,2,3", /2 hosts and 3 ports/],
    ["postgres://u:s3cr3t@h?sslmode", /sslmode has no value/],
    ["host=h password=s3'cr3t", /part 2 .*quote/],
  ];
  for (const [text, line] of wrong) {
    const message = refusal(text);
    assertMatch(message, line, text);
    assertEquals(/s3|cr3t/.test(message), false, message);
  }
  assertEquals(targetOf("postgres://u:a#b?c:d@h/db").password, "a#b?c:d", "as libpq reads it");
});

Deno.test("a string that was copied from elsewhere is refused with the way to mend it", () => {
  const copies: readonly (readonly [string, RegExp])[] = [
    [`"postgres://u:p@h/db"`, /quotes/],
    [`psql 'postgresql://u:p@h/db'`, /psql/],
    ["jdbc:postgresql://h/db?user=u", /JDBC/],
    ["postgresql+psycopg2://u:p@h/db", /postgresql:\/\//],
    ["Server=h;Database=db;User Id=u;Password=p;", /\.NET/],
    ["postgresql://postgres.ref:[YOUR-PASSWORD]@h:6543/postgres", /placeholder/],
    ["host=h user=u password={your_password}", /placeholder/],
    ["mysql://u:p@h/db", /postgres:\/\//],
    ["postgres://u:p@/db?host=/cloudsql/a:b:c", /Unix socket/],
    ["postgres://u:p@%2Fvar%2Frun%2Fpostgresql/db", /Unix socket/],
  ];
  for (const [text, line] of copies) assertMatch(refusal(text), line, text);
  assertEquals(targetOf(" postgres://u:p@h/db\n").database, "db", "spaces around it are nothing");
});

Deno.test("the canonical URL says the same, and one of its hosts can be taken", () => {
  const text = "postgresql://u%40x:p%2F%40@h1:1,[::1]:2,h3/d%20b?sslmode=require&keepalives=1" +
    "&options=-c%20search_path%3Da&connect_timeout=3";
  const { url, target } = understand(text);
  assertEquals(understand(url), { url, target, dropped: [] });
  for (const host of target.hosts) {
    const { target: only } = understand(onlyHost(url, host));
    assertEquals(only, { ...target, hosts: [host] });
  }
  const single = "postgres://u:p@h1:5432/db";
  assertEquals(onlyHost(single, { name: "h1", port: 5432 }), single);
});

Deno.test("the pooler of a string is replaced by the one that an operator names", () => {
  const url = "postgres://u:p@h1,h2/db?pooler=session&sslmode=require";
  assertEquals(targetOf(url).pooler, "session");
  assertEquals(targetOf("postgres://u:p@h/db").pooler, null, "each session finds out");
  const { url: canonical } = understand(url);
  assertEquals(withPooler(canonical, undefined), canonical);
  const replaced = targetOf(withPooler(canonical, "none"));
  assertEquals([replaced.pooler, replaced.hosts.length], ["none", 2]);
  assertEquals(replaced.tls?.optional, false, "the rest stays");
  assertEquals(targetOf(withPooler("postgres://u@h/db", "transaction")).pooler, "transaction");
});
