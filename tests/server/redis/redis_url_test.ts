/** REDIS_URL as people write it, and what the driver is told. */
import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../../server/config.ts";
import { optionsOf } from "../../../server/redis/target_options.ts";
import { understandRedisUrl } from "../../../server/redis_url.ts";

const hostsOf = (url: string) =>
  understandRedisUrl(url).hosts.map(({ host, port }) => [host, port]);

Deno.test("a server: host, port, login, database and TLS", () => {
  assertEquals(hostsOf("redis://h"), [["h", 6_379]]);
  assertEquals(hostsOf("redis://h:80/3"), [["h", 80]]);
  assertEquals(hostsOf("rediss://[::1]:6380"), [["::1", 6_380]]);
  const { login, database, tls } = understandRedisUrl("rediss://me:a%40b:c@h:1/2?cafile=/x.pem");
  assertEquals(login, { user: "me", password: "a@b:c" });
  assertEquals([database, tls?.caFile], [2, "/x.pem"]);
  assertEquals(understandRedisUrl("redis://:pw@h").login, { user: "", password: "pw" });
  assertEquals(understandRedisUrl("redis://h").login, null);
  assertEquals(optionsOf(understandRedisUrl("redis://:pw@h:7/1"), "key"), {
    host: "h",
    port: 7,
    db: 1,
    password: "pw",
  });
});

Deno.test("sentinels: all of them, the master's name, and a login of each kind", () => {
  const url =
    "rediss+sentinel://me:pw@s1,s2:1/my%20shop/4?sentinelpassword=a%2Fb+&sentineluser=them";
  const target = understandRedisUrl(url);
  assertEquals([target.kind, target.masterName, target.database], ["sentinel", "my shop", 4]);
  assertEquals(hostsOf(url), [["s1", 26_379], ["s2", 1]]);
  const options = optionsOf(target, "key");
  const { name, username, password, sentinelUsername, sentinelPassword } = options;
  assertEquals([name, username, password], ["my shop", "me", "pw"]);
  assertEquals([sentinelUsername, sentinelPassword], ["them", "a/b+"]);
  assertEquals([options.enableTLSForSentinelMode, options.tls, options.sentinelTLS], [
    true,
    {},
    {},
  ]);
});

Deno.test("a cluster: some of its nodes", () => {
  const target = understandRedisUrl("redis+cluster://:pw@n1:7000,n2:7001");
  assertEquals([target.kind, target.login?.password], ["cluster", "pw"]);
  assertEquals(target.hosts.map(({ port }) => port), [7_000, 7_001]);
});

Deno.test("a file of an authority that cannot be read is one clear line", () => {
  const target = understandRedisUrl("rediss://h?cafile=/nowhere/ca.pem");
  assertThrows(() => optionsOf(target, "key"), ConfigError, "cafile cannot be read");
});
