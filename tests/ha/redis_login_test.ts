/**
 * A Redis as a platform team hands it out: TLS with an authority of their own, a user with few rights, and
 * a password that is changed while Weir runs.
 */
import { assertGreater } from "@std/assert";
import { rightsFor } from "../../server/redis/rights.ts";
import { makeAuthority } from "../support/faults/certificates.ts";
import { report, statusOf, withFaults } from "../support/faults/fault_run.ts";
import { freePort, startRedis } from "../support/services/server_process.ts";
import { until, withFolder } from "../support/services/services.ts";

Deno.test("a Redis with TLS of its own authority and a limited user takes orders, and its password may change", () =>
  withFolder(async (folder) => {
    const authority = await makeAuthority(folder, "authority");
    const certificate = await authority.issue("redis", "IP:127.0.0.1");
    const tlsPort = freePort();
    const server = await startRedis({
      "tls-port": String(tlsPort),
      "tls-cert-file": `${certificate}.crt`,
      "tls-key-file": `${certificate}.key`,
      "tls-ca-cert-file": authority.file,
      "tls-auth-clients": "no",
    });
    const urlWith = (password: string) =>
      `rediss://shop:${password}@127.0.0.1:${tlsPort}/0?cafile=${authority.file}`;
    try {
      await withFaults(async (run) => {
        const allow = (...words: string[]) =>
          run.askRedis((redis) => redis.call("ACL", "SETUSER", "shop", ...words));
        const rights = rightsFor(run.prefix).split(" and the commands ").join(" ").split(" ");
        await allow("on", ">first", ...rights, "-config");
        const environment = { WEIR_SPILL: "trust", WEIR_DATA_DIR: folder };
        const one = await run.instance({ ...environment, REDIS_URL: urlWith("first") });
        await one.says(/Redis \S+: orders wait in it while the database is out/);
        const load = run.load({ urls: () => [one.url] });
        load.start();
        await load.answered(200);
        await run.postgres.kill();
        await until("orders to be spilled", async () => await run.spilled() > 200);

        // The instance still has the first password when that is taken away.
        await allow(">second");
        await allow("<first");
        await run.askRedis((redis) => redis.client("KILL", "USER", "shop"));
        await until("the loss to be told", async () => {
          const { problems } = await statusOf(one.url);
          return problems.some(({ name, detail }) =>
            name === "redis_away" && detail.includes("WRONGPASS")
          );
        });
        await allow(">first");
        await until(
          "Redis to be back",
          async () => (await statusOf(one.url)).spill.state === "ready",
        );

        await run.postgres.start();
        await run.verify(load);
        assertGreater(load.history.outcomes()["spilled"] ?? 0, 200);
        report("a Redis with TLS, a limited user and another password", load.figures);
      }, { redisUrl: server.url });
    } finally {
      await server.dispose();
    }
  }));
