/**
 * Strangers guess keys on many connections at once. Nobody with a key notices: a revoked key stops
 * in time, a new key is let in, and orders go on.
 */
import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import type { Scope } from "../../../client/contract/scope.ts";
import { createApiKey, revokeApiKey } from "../../../sql/api_keys.ts";
import { openTestPool } from "../../support/services/test_pool.ts";
import { report } from "../../support/faults/fault_run.ts";
import { testSeed } from "../../support/faults/fault_load.ts";
import { memoryGoesBack, residentMiB } from "../../support/faults/memory.ts";
import { Guesses } from "../../support/attacks/guesses.ts";
import { expectGentle, Gentle } from "../../support/load/gentle.ts";
import { callHttp, RawSocket } from "../../support/load/raw_calls.ts";
import { withProcesses } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";

/** So many that look-ups one by one would take far longer than a quarter of a second. */
const CONNECTIONS = 1_200;
const NEW_KEYS = 20;
const MOST_GROWTH_MIB = 200;

const NAME = "strangers who guess keys";

Deno.test(`${NAME} keep no revoked key alive, shut out no new one, and slow no order`, () =>
  withProcesses(async ({ database, start }) => {
    const pool = openTestPool(database.url);
    try {
      const service = await start();
      await service.says(/"ready"/);
      const { url } = service;
      const aKey = (...scopes: Scope[]) => createApiKey(pool, { label: "a test", scopes });
      const [shop, leaked] = [await aKey("orders:write"), await aKey("dashboard:read")];
      const reasonOf = async ({ token }: { token: string }) => {
        const { status, text } = await callHttp(url, "query", "whoami", undefined, token);
        return status === 200 ? null : /"reason":"(\w+)"/.exec(text)?.[1] ?? text;
      };
      await using gentle = await Gentle.start({ url, token: shop.token });
      const quiet = await gentle.quiet();
      const stream = await RawSocket.open(url, leaked.token);
      const subscription = stream.subscribe("dashboard.live", { storeId: "gentle" });
      await stream.next(({ id, result }) => id === subscription && result?.data !== undefined);
      const before = await residentMiB(service);

      await using guesses = new Guesses(url, CONNECTIONS, testSeed());
      await guesses.answered(600);
      const seen: Record<string, unknown> = {};
      const underFire = await gentle.during(async (answers) => {
        assertEquals(await reasonOf(leaked), null);
        assert(await revokeApiKey(pool, leaked.keyId));
        const revokedAt = performance.now();
        let acceptedAt = revokedAt;
        await until("the revoked key to be refused", async () => {
          const askedAt = performance.now();
          if (await reasonOf(leaked) !== null) return true;
          acceptedAt = askedAt;
          return false;
        }, 30_000);
        seen["acceptedMs"] = Math.round(acceptedAt - revokedAt);
        seen["refused"] = await reasonOf(leaked);
        await stream.next(({ id, error }) => id === subscription && error !== undefined);
        seen["streamMs"] = Math.round(performance.now() - revokedAt);
        const reasons = [];
        for (let made = 0; made < NEW_KEYS; made++) reasons.push(await reasonOf(await aKey("ops")));
        seen["newKeys"] = reasons.filter((reason) => reason === null).length;
        await answers(quiet.orders);
      });
      const after = await residentMiB(service);
      report(NAME, {
        connections: CONNECTIONS,
        guesses: guesses.answers,
        ...seen,
        quiet,
        underFire,
        memoryMiB: [before, after],
      });
      await stream.close();
      assertEquals(seen["refused"], "unauthenticated");
      assertLess(Number(seen["acceptedMs"]), 10_000, "the contract's promise");
      assertLess(Number(seen["streamMs"]), 12_000, "a frame comes each second");
      assertEquals(seen["newKeys"], NEW_KEYS);
      assertLessOrEqual(after - before, MOST_GROWTH_MIB);
      expectGentle(quiet, underFire);
      await memoryGoesBack(service, before);
    } finally {
      await pool.end();
    }
  }));
