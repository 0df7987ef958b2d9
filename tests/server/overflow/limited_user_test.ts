/** A Redis user who is limited to the prefix of one deployment, and one who lacks a right. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { StandingProblem } from "../../../client/mod.ts";
import { rightsFor } from "../../../server/redis/rights.ts";
import { anInput } from "../../support/load/orders.ts";
import { type InstanceTest, withInstance } from "../../support/services/instance.ts";
import type { TestRedis } from "../../support/services/redis.ts";
import { until } from "../../support/services/services.ts";

/** Runs `test` with an instance whose Redis user has these rights alone. */
async function withUser(
  rights: (prefix: string) => string,
  test: (instance: InstanceTest, user: string) => Promise<void>,
): Promise<void> {
  const user = `limited-${crypto.randomUUID()}`;
  let isMade: Promise<unknown> | undefined;
  let redis: TestRedis | undefined;
  const reachRedis = (given: TestRedis) => {
    redis = given;
    isMade = given.redis.call(
      "ACL",
      "SETUSER",
      user,
      "on",
      ">secret",
      ...rights(given.prefix).split(" "),
    );
    const url = new URL(given.url);
    [url.username, url.password] = [user, "secret"];
    return url.href;
  };
  await withInstance(async (instance) => {
    await isMade;
    try {
      await test(instance, user);
    } finally {
      await redis?.redis.call("ACL", "DELUSER", user);
    }
  }, { reachRedis, environment: { WEIR_RATE_LIMIT_PER_SECOND: "1000" } });
}

/** The rights in the words of the documents, as ACL SETUSER takes them. */
const asSaid = (prefix: string) => rightsFor(prefix).replace(" and the commands", "");

async function problem({ api }: InstanceTest, name: string): Promise<StandingProblem> {
  return await until(`the problem ${name}`, async () => {
    const { problems } = await api.ops.status.query();
    return problems.find((problem) => problem.name === name);
  });
}

Deno.test("a Redis user limited to the prefix is enough for the overflow, the bus and the rates", () =>
  withUser(asSaid, async ({ api, redis }, user) => {
    const { problems } = await until("the overflow to be ready", async () => {
      const status = await api.ops.status.query();
      return status.spill.state === "ready" && status.bus.state === "redis" ? status : null;
    });
    assertEquals(problems, []);
    await api.orders.place.mutate(anInput());
    await api.dashboard.snapshot.query({});
    await until(
      "the kept snapshot",
      async () => await redis.redis.exists(`${redis.prefix}:{snapshot}:*`) === 1,
    );
    await until(
      "the exchange of the rates",
      async () => await redis.redis.exists(`${redis.prefix}:{rate}:key:dev`) === 1,
    );
    const refused = await redis.redis.call("ACL", "LOG") as unknown[][];
    const objects = refused.map((entry) => entry.map(String)).filter((entry) =>
      entry.includes(user)
    )
      .map((entry) => entry[entry.indexOf("object") + 1]);
    assertEquals(objects.filter((object) => !object?.startsWith("{")), [], "but the earlier keys");
  }));

Deno.test("a Redis user without a right on the keys of the overflow is said, with what it lacks", () =>
  withUser(
    (prefix) => asSaid(prefix).replace(`~${prefix}:*`, `~${prefix}:{snapshot}:*`),
    async (instance) => {
      const { redis: { prefix }, api } = instance;
      const { detail } = await problem(instance, "overflow_unavailable");
      assertMatch(detail, /NOPERM/);
      assert(detail.includes(rightsFor(prefix)), detail);
      assertEquals((await api.ops.status.query()).spill.state, "unavailable");
      assertEquals((await api.orders.place.mutate(anInput())).status, "committed");
    },
  ));

Deno.test("a Redis user who may not ask for settings makes the overflow not durable, with the reason", () =>
  withUser(
    (prefix) => asSaid(prefix).replace(" +config|get", ""),
    async (instance) => {
      const { detail } = await problem(instance, "overflow_not_durable");
      assertMatch(detail, /CONFIG GET/);
    },
  ));

Deno.test("a Redis user without channels and without snapshots is said, and orders and figures go on", () =>
  withUser(
    (prefix) => asSaid(prefix).replace(`~${prefix}:* &${prefix}:*`, `~${prefix}:{spill}:*`),
    async (instance) => {
      const { redis: { prefix }, api } = instance;
      await api.orders.place.mutate(anInput());
      await until("the order in the figures", async () => {
        const { currencies } = await api.dashboard.snapshot.query({});
        return currencies[0]?.today.orders === 1;
      });
      const { detail } = await problem(instance, "redis_refuses");
      for (const step of ["subscribe", "publish", "cache write"]) {
        assertMatch(detail, new RegExp(`${step}: NOPERM`));
      }
      assert(detail.includes(rightsFor(prefix)), detail);
      const { spill, bus } = await api.ops.status.query();
      assertEquals([spill.state, bus.state], ["ready", "postgres"]);
    },
  ));
