/** The addresses in the environment, as people copy them from elsewhere. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ConfigError, forgetDriverVariables, readConfig } from "../../server/config.ts";
import { understand } from "../../sql/connection/url.ts";

/** The line about one wrong variable. */
function lineAbout(name: string, value: string): string {
  const { message } = assertThrows(() => readConfig({ [name]: value }), ConfigError) as Error;
  assertEquals(/s3|cr3t/.test(message), false, message);
  return message;
}

Deno.test("DATABASE_URL: the line names the variable and the parameter, and shows no password", () => {
  const about = (url: string) => lineAbout("DATABASE_URL", url);
  assertMatch(about("postgres://u:s3cr3t@h/db?sslmod=x"), /^DATABASE_URL is wrong: sslmod: /);
  assertMatch(about("postgres://u:s3@cr3t@h/db"), /^DATABASE_URL is wrong: .*%40/);
  assertMatch(about("host=h password='s3cr3t"), /^DATABASE_URL is wrong: /);
});

Deno.test("DATABASE_URL: the service gets the canonical URL and the parameters that are left out", () => {
  const text = "host=h user=u password=p dbname=db channel_binding=require sslmode=require";
  const config = readConfig({ DATABASE_URL: text });
  assertEquals(config.databaseUrl, "postgres://u:p@h:5432/db?sslmode=require");
  assertEquals(config.droppedParameters.map(({ name, weakens }) => [name, weakens]), [
    ["channel_binding", true],
  ]);
});

Deno.test("REDIS_URL: a user, a password, TLS and the number of a database are taken as they are", () => {
  const good = [
    "redis://h",
    "redis://h:6379/3",
    "rediss://default:s3cr3t%40x@[::1]:6380/0",
    "redis://:s3cr3t@h:6379",
  ];
  for (const url of good) assertEquals(readConfig({ REDIS_URL: url }).redisUrl, url);
});

Deno.test("REDIS_URL: a wrong one is refused with the way to mend it", () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["https://eu1-s3cr3t.upstash.io", /REST/],
    ["redis-cli -u redis://:s3cr3t@h:6379", /command/],
    ["'redis://:s3cr3t@h:6379'", /quotes/],
    ["redis+sentinel://h1:26379,h2:26379", /name of the master/],
    ["redis+sentinel://h1/name?master=x", /knows cafile, sentineluser/],
    ["redis://h?sentinelpassword=x", /only sentinels/],
    ["redis+sentinel://h1/name?sentineluser=me", /needs a sentinelpassword/],
    ["redis+sentinel://h1/name?sentinelpassword=s3?cr3t", /%3F/],
    ["redis+cluster://h/1", /no other database/],
    ["redis://h?cafile=/etc/ssl/own.pem", /rediss/],
    ["h:6379", /redis:\/\//],
    ["redis://h1:6379,h2:6379", /several hosts/],
    ["redis://:s3@cr3t@h:6379", /%40/],
    ["redis://:s3/cr3t@h:6379", /%2F/],
    ["redis://:s3#cr3t@h:6379", /%23/],
    ["redis://:s3cr3t%@h:6379", /%25/],
    ["redis://h:six", /port/],
    ["redis://", /no host/],
    ["redis://h:6379/cache", /number of a database/],
    ["redis://h:6379?commandTimeout=0", /parameters/],
  ];
  for (const [url, line] of wrong) {
    const about = lineAbout("REDIS_URL", url);
    assertMatch(about, /^REDIS_URL is wrong: /);
    assertMatch(about, line, url);
  }
});

Deno.test("the environment: the variable that the driver always obeys is taken away", () => {
  Deno.env.set("PGTARGETSESSIONATTRS", "standby");
  forgetDriverVariables();
  assertEquals(Deno.env.has("PGTARGETSESSIONATTRS"), false);
});

Deno.test("WEIR_RATE_LIMIT_PER_SECOND: without it there is no limit, and a second's orders are its burst", () => {
  const rateOf = (perSecond: string, burst?: string) =>
    readConfig({
      WEIR_RATE_LIMIT_PER_SECOND: perSecond,
      ...(burst === undefined ? {} : { WEIR_RATE_LIMIT_BURST: burst }),
    }).rate;
  assertEquals(readConfig({}).rate, null);
  assertEquals(rateOf("100"), { ordersPerSecond: 100, burst: 100 });
  assertEquals(rateOf("100", "5"), { ordersPerSecond: 100, burst: 5 });
  assertMatch(lineAbout("WEIR_RATE_LIMIT_PER_SECOND", "0"), /from 1 to 1000000/);
  assertMatch(lineAbout("WEIR_RATE_LIMIT_BURST", "5"), /WEIR_RATE_LIMIT_PER_SECOND is not/);
});

Deno.test("WEIR_ALLOWED_ORIGINS: a list is read as a browser writes origins", () => {
  const read = (text: string) => readConfig({ WEIR_ALLOWED_ORIGINS: text }).allowedOrigins;
  assertEquals(read("https://Shop.example:443,http://localhost:5173"), [
    "https://shop.example",
    "http://localhost:5173",
  ]);
  assertEquals(read("*"), ["*"]);
  assertEquals(read("null, app://Shop"), ["null", "app://shop"]);
  assertEquals(readConfig({}).allowedOrigins, []);
});

Deno.test("WEIR_EMBED_ORIGINS: whole origins of http and https alone, and nothing that ends a header's value", () => {
  const read = (text: string) => readConfig({ WEIR_EMBED_ORIGINS: text }).embedOrigins;
  assertEquals(read("https://shop.example, HTTP://[::1]:3000/"), [
    "https://shop.example",
    "http://[::1]:3000",
  ]);
  const wrong = ["*", "null", "https://a;script-src", "https://shop.example/page", "shop.example"];
  for (const text of [...wrong, "file:///a", "https://u:p@a", "https://a b", "https://a?b", ","]) {
    assertMatch(lineAbout("WEIR_EMBED_ORIGINS", text), /must be origins separated by commas/);
  }
});

Deno.test("WEIR_TOKEN_MAX_SECONDS: from a minute to a year, an hour by itself", () => {
  const read = (text: string) => readConfig({ WEIR_TOKEN_MAX_SECONDS: text }).tokenMaxSeconds;
  assertEquals([read("60"), read("31536000")], [60, 31_536_000]);
  assertEquals(readConfig({}).tokenMaxSeconds, 3_600);
  for (const text of ["59", "31536001", "1h", "-60"]) {
    assertMatch(lineAbout("WEIR_TOKEN_MAX_SECONDS", text), /whole number from 60 to 31536000/);
  }
});

Deno.test("WEIR_ALLOWED_ORIGINS and WEIR_ALLOWED_HOSTS: a wrong entry is refused", () => {
  const origins = [
    "shop.example",
    "https://shop.example/weir",
    "https://u:p@shop.example",
    "https://",
    "https://a b",
    "*.shop.example",
    "https://shop.example,,http://x",
  ];
  for (const text of origins) {
    assertMatch(lineAbout("WEIR_ALLOWED_ORIGINS", text), /must be origins separated by commas/);
  }
  const hosts = ["https://shop.example", "shop.example:80", "shop.example/weir", "a b", "a,,b"];
  for (const text of hosts) {
    assertMatch(lineAbout("WEIR_ALLOWED_HOSTS", text), /must be names without scheme and port/);
  }
  assertEquals(readConfig({ WEIR_ALLOWED_HOSTS: "Shop.example, weir" }).allowedHosts, [
    "shop.example",
    "weir",
  ]);
});

Deno.test("a pooler and a way past it are part of the database's address, and nothing without one", () => {
  const read = (environment: Record<string, string>) => readConfig(environment);
  const DATABASE_URL = "postgres://u:p@pooler:6432/db";
  const found = read({ DATABASE_URL, WEIR_DATABASE_POOLER: "session" });
  assertEquals(found.databaseUrl, `${DATABASE_URL}?pooler=session`);
  assertEquals(found.directDatabaseUrl, null);
  const direct = read({ DATABASE_URL, WEIR_DIRECT_DATABASE_URL: "postgres://u:p@db:5432/db" });
  assertEquals(direct.directDatabaseUrl, "postgres://u:p@db:5432/db");
  assertEquals(direct.databaseUrl, DATABASE_URL);
  const others = {
    WEIR_DATABASE_POOLER: "none",
    WEIR_DIRECT_DATABASE_URL: DATABASE_URL,
    WEIR_SCHEMA: "shop",
  };
  for (const [name, value] of Object.entries(others)) {
    assertThrows(
      () => read({ [name]: value }),
      ConfigError,
      `${name} is set, and DATABASE_URL is not`,
    );
  }
  assertThrows(() => read({ DATABASE_URL, WEIR_DATABASE_POOLER: "statement" }), ConfigError);
});

Deno.test("WEIR_SCHEMA is the search path of both addresses, whatever they say and however it is written", () => {
  const url = (server: string) => `postgres://u:p@${server}:5432/db?schema=other`;
  for (const schema of ["shop", 'Shop "2" & Söhne']) {
    const { databaseUrl, directDatabaseUrl } = readConfig({
      DATABASE_URL: url("pooler"),
      WEIR_DIRECT_DATABASE_URL: url("db"),
      WEIR_SCHEMA: schema,
    });
    for (const found of [databaseUrl, directDatabaseUrl]) {
      const { settings } = understand(found!).target;
      assertEquals(settings["search_path"], `"${schema.replaceAll('"', '""')}"`);
    }
  }
  for (const WEIR_SCHEMA of ["shop,public", "a\nb", "s".repeat(64), "ж".repeat(32)]) {
    assertThrows(
      () => readConfig({ DATABASE_URL: url("db"), WEIR_SCHEMA }),
      ConfigError,
      "WEIR_SCHEMA is wrong: must be the name of one schema, such as shop, of at most 63 bytes",
    );
  }
});
