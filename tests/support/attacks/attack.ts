/**
 * The stage of an attack at the door: an instance as a process, a gentle caller with a key of its
 * own, and an attacker with another key. The gentle caller must lose little time to the attack, and
 * the instance must need little memory for it.
 */
import { assertLessOrEqual } from "@std/assert";
import type { Scope } from "../../../client/contract/scope.ts";
import { createApiKey } from "../../../sql/api_keys.ts";
import { openTestPool } from "../services/test_pool.ts";
import { expectGentle, Gentle } from "../load/gentle.ts";
import { type ServiceProcess, withProcesses } from "../services/service_process.ts";
import { report } from "../faults/fault_run.ts";
import { memoryGoesBack } from "../faults/memory.ts";

const MEBIBYTE = 1_048_576;
const MAX_GROWN_BYTES = 200 * MEBIBYTE;

export interface Attack {
  readonly service: ServiceProcess;
  readonly url: string;
  /** A good key that is not the gentle caller's. */
  readonly token: string;
  /** Attacks until the gentle caller has as many answers as in its quiet phase. Then checks. */
  run(name: string, work: (attacking: AttackTime) => Promise<unknown>): Promise<void>;
}

export interface AttackTime {
  /** True while the attack must go on. */
  goesOn(): boolean;
  /** Calls `shot` again and again, in `parallel` loops, while the attack goes on. */
  repeat(parallel: number, shot: () => Promise<unknown>): Promise<void>;
}

/** Runs `test` on that stage. */
export function withAttack(
  test: (attack: Attack) => Promise<void>,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  return withProcesses(async ({ database, start }) => {
    const pool = openTestPool(database.url);
    try {
      const service = await start(environment);
      await service.says(/"ready"/);
      const aKey = async (...scopes: Scope[]) =>
        (await createApiKey(pool, { label: "a test", scopes })).token;
      const [shop, token] = [await aKey("orders:write"), await aKey("orders:write", "orders:read")];
      const { url } = service;
      await using gentle = await Gentle.start({ url, token: shop });
      await test({
        service,
        url,
        token,
        run: (name, work) => attack(name, service, gentle, work),
      });
    } finally {
      await pool.end();
    }
  });
}

async function attack(
  name: string,
  service: ServiceProcess,
  gentle: Gentle,
  work: (attacking: AttackTime) => Promise<unknown>,
): Promise<void> {
  const quiet = await gentle.quiet();
  const before = await service.residentBytes();
  let isOver = false;
  let most = before;
  const goesOn = () => !isOver;
  const repeat = async (parallel: number, shot: () => Promise<unknown>) => {
    await Promise.all(Array.from({ length: parallel }, async () => {
      while (goesOn()) {
        await shot();
        most = Math.max(most, await service.residentBytes());
      }
    }));
  };
  const underFire = await gentle.during(async (answers) => {
    const working = work({ goesOn, repeat });
    await answers(quiet.orders);
    isOver = true;
    await working;
  });
  most = Math.max(most, await service.residentBytes());
  const mebibytes = [before, most].map((bytes) => Math.round(bytes / MEBIBYTE));
  report(name, { quiet, underFire, mebibytes });
  assertLessOrEqual(most - before, MAX_GROWN_BYTES);
  expectGentle(quiet, underFire);
  report(`${name}, afterwards`, { mebibytes: await memoryGoesBack(service, mebibytes[0]!) });
}
