/**
 * Callers that ask for a hundred large pages in one request, over and over. Each answer stays
 * bounded, and so does the memory. The orders of another caller are as quick as before.
 */
import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { report, withFaults } from "../../support/faults/fault_run.ts";
import { memoryGoesBack, mostResidentMiB, residentMiB } from "../../support/faults/memory.ts";
import { expectGentle, Gentle } from "../../support/load/gentle.ts";
import { largestInput } from "../../support/load/large/orders.ts";
import { authorization, RawSocket } from "../../support/load/raw_calls.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";

const STORE = "large";
const ORDERS = 60;
/** As many of the largest orders as fit into one request. */
const TOGETHER = 10;
const CALLERS = 6;
const CALLS = 100;
/** Orders of the gentle caller that are answered meanwhile: ten seconds of them. */
const GENTLE_ORDERS = 200;
const MOST_GROWTH_MIB = 200;
const MAX_ANSWER_BYTES = 4 * 1_048_576;

/** A hundred calls in one URL of a few KiB. */
function batchOf(url: string): string {
  const paths = Array.from({ length: CALLS }, () => "orders.list").join();
  const inputs = Object.fromEntries(
    Array.from({ length: CALLS }, (_, index) => [index, { storeId: STORE, limit: 200 }]),
  );
  return `${url}/trpc/${paths}?batch=1&input=${encodeURIComponent(JSON.stringify(inputs))}`;
}

/** Places the large orders. */
async function fill(url: string): Promise<void> {
  const client = createTestClient(url, KEY);
  for (let placed = 0; placed < ORDERS; placed += TOGETHER) {
    const orders = Array.from({ length: TOGETHER }, () => largestInput({ storeId: STORE }));
    const { results } = await client.api.orders.placeMany.mutate({ orders });
    assert(results.every(({ ok }) => ok), JSON.stringify(results[0]));
  }
  await client.close();
}

Deno.test("a hundred large pages in one request are bounded, and cost others nothing", () =>
  withFaults(async (run) => {
    const service = await run.instance();
    await fill(service.url);
    await using gentle = await Gentle.start({ url: service.url, token: KEY });
    const batch = batchOf(service.url);
    const counts: Record<string, number> = {};
    const ask = async () => {
      const response = await fetch(batch, { headers: authorization(KEY) });
      const text = await response.text();
      assert(response.status < 500, `${response.status}: ${text.slice(0, 300)}`);
      assertLess(text.length, MAX_ANSWER_BYTES);
      // The text is not parsed: the callers share the processor with the service.
      for (const [, outcome] of text.matchAll(/"(nextCursor|reason":"\w+)"/g)) {
        counts[outcome!] = (counts[outcome!] ?? 0) + 1;
      }
    };
    await ask(); // the first answers need plans and buffers, which do not count as growth
    const quiet = await gentle.quiet();
    const before = await residentMiB(service);
    let isOver = false;
    const loop = async () => {
      while (!isOver) await ask();
    };
    let underFire = quiet;
    const most = await mostResidentMiB(service, async () => {
      underFire = await gentle.during(async (answers) => {
        const callers = Promise.all(Array.from({ length: CALLERS }, loop));
        await Promise.race([answers(GENTLE_ORDERS), callers]);
        isOver = true;
        await callers;
      });
    });
    report("a hundred large pages in one request", {
      quiet,
      underFire,
      counts,
      memoryMiB: [before, most],
    });
    const { nextCursor: listed = 0, ...refusals } = counts;
    assertGreater(listed, CALLERS);
    const reasons = ["payload_too_large", "queue_full"].map((reason) => `reason":"${reason}`);
    assertEquals(Object.keys(refusals).filter((name) => !reasons.includes(name)), []);
    assertLessOrEqual(most - before, MOST_GROWTH_MIB, "MiB");
    expectGentle(quiet, underFire);
    await ask();
    await memoryGoesBack(service, before);
  }));

Deno.test("a hundred large pages in one message come one after the other, as they are read", () =>
  withFaults(async (run) => {
    const service = await run.instance();
    await fill(service.url);
    const socket = await RawSocket.open(service.url, KEY);
    const ids = Array.from({ length: CALLS }, (_, index) => index + 1);
    const before = await residentMiB(service);
    const most = await mostResidentMiB(service, async () => {
      socket.send(ids.map((id) => ({
        id,
        method: "query",
        params: { path: "orders.list", input: { storeId: STORE, limit: 200 } },
      })));
      for (const id of ids) {
        const { error, result } = await socket.next((message) => message.id === id, 60_000);
        assertEquals(error, undefined);
        assert(result !== undefined);
      }
    });
    await socket.close();
    report("a hundred large pages in one message", { memoryMiB: [before, most] });
    assertLessOrEqual(most - before, MOST_GROWTH_MIB, "MiB");
  }));
