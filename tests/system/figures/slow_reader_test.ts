/** Subscribers stop reading, and the service waits for them as long as in production. */
import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { report } from "../../support/faults/fault_run.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import {
  fill,
  makeFramesLarge,
  metric,
  Quick,
  subscribers,
  unreadBytes,
} from "../../support/load/large/frames.ts";
import { withProcesses } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";
import { SLOW_READERS } from "../../support/load/slow_reader.ts";

const MEBIBYTE = 1_048_576;
const CLIENT_TIMEOUT_MS = 30_000;
/** The service checks once a second, not to the millisecond. */
const LOOK_MS = 1_500;
/** The delay that a busy machine may add. */
const LATE_MS = 15_000;

Deno.test("a subscriber that reads nothing for 30 s costs 1 MiB at most until it is cut, and others do not notice", () =>
  withProcesses(async ({ start }) => {
    const service = await start();
    const client = createTestClient(service.url, KEY);
    const instance = { url: service.url, api: client.api };
    await makeFramesLarge(instance);
    const quick = new Quick(instance);
    await quick.begins();
    const slow = await Promise.all(Object.values(SLOW_READERS).map((open) => open(service.url)));
    for (const reader of slow) reader.pause();
    const pausedAt = performance.now();
    await fill(instance, quick, slow.length);
    const filledAt = performance.now();
    let mostBytes = 0;
    await until("the slow readers to be cut", async () => {
      await quick.round();
      mostBytes = Math.max(mostBytes, await unreadBytes(instance));
      return await subscribers(instance) === 1;
    }, CLIENT_TIMEOUT_MS + LATE_MS);
    const cutAt = performance.now();
    report("subscribers that do not read", {
      mostBytes,
      cutAfterMs: Math.round(cutAt - filledAt),
      slowestMs: Math.round(quick.slowestMs),
      skippedFrames: await metric(instance, "weir_live_skipped_frames_total"),
    });
    assertGreater(mostBytes, 0);
    assertLessOrEqual(mostBytes, slow.length * MEBIBYTE);
    assertGreater(cutAt - pausedAt, CLIENT_TIMEOUT_MS - LOOK_MS);
    assertLess(quick.slowestMs, 5_000);
    assertEquals(await unreadBytes(instance), 0, "nothing is kept for slow readers");
    for (const reader of slow) reader.resume();
    await until(
      "the connections of the slow readers to end",
      () => slow.every(({ closed }) => closed),
    );
    await quick.round();
    quick.end();
    await client.close();
    assertEquals((await service.stop()).code, 0);
  }));
