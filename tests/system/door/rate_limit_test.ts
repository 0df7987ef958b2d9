/** One key floods a service with a rate for each key, and another key uses less than its rate. */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { createApiKey } from "../../../sql/api_keys.ts";
import { openTestPool } from "../../support/services/test_pool.ts";
import { type FaultRun, report, withFaults } from "../../support/faults/fault_run.ts";
import { countsOf, Knocking, openDoor, type Way } from "../../support/load/doors.ts";
import { anInput } from "../../support/load/orders.ts";
import { until } from "../../support/services/services.ts";

const RATE = 100;
const MEASURED_MS = 10_000;
/** The flood asks for so many times its rate. */
const TIMES = 5;
const PER_CALL = 10;
const OTHER_PER_SECOND = 20;

/** Makes a key that may write orders. */
async function newKey(run: FaultRun): Promise<string> {
  const { url } = run.postgres;
  const pool = openTestPool(url);
  try {
    const key = await createApiKey(pool, {
      label: "a test",
      scopes: ["orders:write"],
    });
    return key.token;
  } finally {
    await pool.end();
  }
}

/** @param doors which instance gets each call of the flood in turn */
async function flooded(run: FaultRun, way: Way, doors: readonly number[]) {
  const urls: string[] = [];
  while (urls.length <= Math.max(...doors)) urls.push((await run.instance()).url);
  const doorsOf = async () => {
    const token = await newKey(run);
    return await Promise.all(urls.map((url) => openDoor(way, url, token)));
  };
  const [flooding, others] = [await doorsOf(), await doorsOf()];
  const flood = new Knocking(
    doors.map((index) => flooding[index]!),
    TIMES * RATE / PER_CALL,
    () => Array.from({ length: PER_CALL }, () => anInput({ storeId: "flood" })),
  );
  const other = new Knocking(
    others,
    OTHER_PER_SECOND,
    () => [anInput({ storeId: "other" })],
  );
  try {
    await until(
      "the burst to be used up",
      () => (countsOf(flood.answered)["rate_limited"] ?? 0) > RATE,
    );
    const from = performance.now();
    await until("the time", () => performance.now() - from > MEASURED_MS, 2 * MEASURED_MS);
    const [all, besides] = [await flood.stop(), await other.stop()];
    const during = all.filter(({ sentAt }) => sentAt >= from && sentAt < from + MEASURED_MS);
    return { all, during: countsOf(during), besides };
  } finally {
    await Promise.all([flood.stop(), other.stop()]);
    await Promise.all([...flooding, ...others].map((door) => door.close()));
  }
}

for (
  const [where, way, doors] of [
    ["one instance, http", "http", [0]],
    ["two instances, http", "http", [0, 1]],
    ["two instances, unevenly, websocket", "websocket", [0, 0, 0, 1]],
  ] as const
) {
  Deno.test(`a key that floods gets its rate in all, and another key none of its orders refused (${where})`, () =>
    withFaults(async (run) => {
      const { all, during, besides } = await flooded(run, way, doors);
      report(where, { during, besides: countsOf(besides) });
      assertEquals(countsOf(besides), { committed: besides.length });
      assertEquals(Object.keys(countsOf(all)).sort(), ["committed", "rate_limited"]);
      const expected = RATE * MEASURED_MS / 1_000;
      assertGreater(during["committed"] ?? 0, 0.8 * expected);
      assertLess(during["committed"] ?? 0, 1.2 * expected);
      const stored = all.filter(({ said }) => said === "committed");
      assertEquals(await run.rowsOf(all.map(({ order }) => order)), stored.length);
    }, { environment: { WEIR_RATE_LIMIT_PER_SECOND: String(RATE) } }));
}
