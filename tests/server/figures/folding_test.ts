import { Redis } from "ioredis";
import { assertEquals, assertGreater } from "@std/assert";
import { closeRedis } from "../../../server/redis/connection.ts";
import { comparePositions } from "../../../sql/figures/position.ts";
import { NOTICE_CHANNEL, parseNotice } from "../../../sql/figures/notices.ts";
import { Pool } from "../../../sql/connection/pool.ts";
import { readNewest } from "../../../sql/figures/snapshots.ts";
import { withInstance } from "../../support/services/instance.ts";
import { anInput } from "../../support/load/orders.ts";
import { until } from "../../support/services/services.ts";

const ORDERS = 15;

Deno.test("a version that either way tells is in the database at once", () =>
  withInstance(async ({ api, database, redis }) => {
    const options = { name: "heard", maxConnections: 1, statementTimeoutMs: 5_000 };
    const pool = new Pool({ url: database.url, ...options });
    const subscriber = new Redis(redis.url);
    const early: string[] = [];
    const looks: Promise<void>[] = [];
    const hear = (way: string, payload: string) => {
      const notice = parseNotice(payload);
      if (notice === null) return;
      looks.push(
        readNewest(pool).then((newest) => {
          if (comparePositions(newest, notice) < 0) early.push(`${way}: ${payload}`);
        }),
      );
    };
    subscriber.on("message", (_channel: string, payload: string) => hear("Redis", payload));
    await subscriber.subscribe(`${redis.prefix}:folds`);
    const { unlisten } = await database.sql.listen(NOTICE_CHANNEL, (text) => hear("LISTEN", text));
    for (let placed = 0; placed < ORDERS; placed++) {
      const before = looks.length;
      await api.orders.place.mutate(anInput());
      await until("its notice, both ways", () => looks.length >= before + 2);
    }
    await Promise.all(looks);
    assertGreater(looks.length, ORDERS);
    assertEquals(early, []);
    await unlisten();
    await closeRedis(subscriber);
    await pool.end();
  }));
