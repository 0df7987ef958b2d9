/**
 * NOTIFY fails: the server's queue is full, or another session keeps the lock that all NOTIFYs
 * share. Folds go on, and dashboards that hear nothing else follow by the regular check.
 */
import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { connect } from "../../../sql/connection/driver.ts";
import { notify } from "../../../sql/figures/notices.ts";
import type { FaultLoad } from "../../support/faults/fault_load.ts";
import { type FaultRun, report, statusOf, withFaults } from "../../support/faults/fault_run.ts";
import { LiveFeed } from "../../support/load/live_feed.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { startPostgres } from "../../support/services/server_process.ts";
import { until } from "../../support/services/services.ts";

const CHECK_MS = 2_400;
/** The time that folds, reads and frames may take on a busy machine. */
const MARGIN_MS = 1_500;
const ROUNDS = 3;

/** Fills the queue of NOTIFY. @returns a function that gives the queue free again */
async function fillQueue(run: FaultRun): Promise<() => Promise<void>> {
  const holder = connect(run.postgres.url, { max: 1 });
  await holder`listen junk`;
  await holder`begin`;
  await holder`select 1`;
  await run.ask(async (sql) => {
    const fill = async () => {
      for (let page = 0; page < 1_000; page++) {
        await sql`select pg_notify('junk', ${String(page).padEnd(7_900, "x")})`;
      }
    };
    await assertRejects(fill, Error, "too many notifications");
  });
  return async () => {
    await holder`rollback`;
    await holder.end();
  };
}

/** The times from an order's answer to the frame that shows it, at an instance without Redis. */
async function frameMs(
  run: FaultRun,
  load: FaultLoad,
  placer: string,
  watcher: string,
): Promise<number[]> {
  const stored = () => run.ask(async (sql) => (await sql`select from orders`).length);
  const client = createTestClient(watcher, KEY);
  try {
    const feed = new LiveFeed(client.api);
    await until("a frame with all orders", async () => ordersIn(feed) === await stored());
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = ordersIn(feed);
      await load.attempt(load.newOrder(), placer);
      const begunAt = performance.now();
      await until("the frame", () => ordersIn(feed) === before + 1);
      times.push(Math.round(performance.now() - begunAt));
    }
    feed.end();
    return times;
  } finally {
    await client.close();
  }
}

function ordersIn({ newest }: LiveFeed): number {
  const currencies = newest?.snapshot.currencies ?? [];
  return currencies.reduce((sum, { today }) => sum + today.orders, 0);
}

Deno.test("a full queue of NOTIFY loses hints and no fold, and dashboards are live again at once after it", () =>
  withFaults(async (run) => {
    const placer = await run.instance({ LOG_LEVEL: "debug" });
    const watcher = await run.instance({ REDIS_URL: "" });
    const load = run.load({ urls: () => [placer.url] });
    await load.attemptMany(Array.from({ length: 20 }, () => load.newOrder()), placer.url);
    /** Places orders until `saying` resolves. Either instance may fold, and the placer must. */
    const placeUntil = async (saying: Promise<unknown>) => {
      let isSaid = false;
      saying.finally(() => isSaid = true).catch(() => undefined);
      while (!isSaid) await load.attempt(load.newOrder(), placer.url);
      await saying;
    };
    const free = await fillQueue(run);
    await placeUntil(
      placer.says(/fails, and nothing waits for it: notify: too many notifications/),
    );
    const full = await frameMs(run, load, placer.url, watcher.url);
    const failed = await run.ask((sql) => sql`select from fold_runs where error = '54000'`);
    assertEquals(failed.length, 0, "folds that failed for it");
    assertEquals((await statusOf(watcher.url)).bus.state, "down", "nothing is heard any more");
    await free();
    const freeAt = performance.now();
    await until(
      "LISTEN to be heard",
      async () => (await statusOf(watcher.url)).bus.state === "postgres",
    );
    const heardMs = Math.round(performance.now() - freeAt);
    const live = await frameMs(run, load, placer.url, watcher.url);
    await placeUntil(placer.says(/works again: notify/));
    await run.verify(load);
    const { stdout, stderr } = await placer.stop();
    report("a full queue of NOTIFY", { full, heardMs, live });
    const said = `${stdout}${stderr}`.match(/nothing waits for it: notify/g);
    assertEquals(said?.length, 1, "it is said once");
    assertLess(Math.max(...full), CHECK_MS + MARGIN_MS);
    assertLess(heardMs, 10_000);
    assertLess(Math.max(...live), CHECK_MS / 2, "by NOTIFY, and not by the check");
  }, { postgres: { max_notify_queue_pages: "64" } }));

Deno.test("a NOTIFY gives up soon where another session keeps the lock that all NOTIFYs share", async () => {
  const postgres = await startPostgres();
  const [admin, holder, sender] = [1, 2, 3].map(() => connect(postgres.url, { max: 1 }));
  try {
    await notify(sender!, ["warm"]);
    await admin!`alter system set synchronous_standby_names = 'nobody'`;
    await admin!`select pg_reload_conf()`;
    await until("the setting", async () => {
      const [row] = await holder!<{ synchronous_standby_names: string }[]>`
        show synchronous_standby_names`;
      return row?.synchronous_standby_names === "nobody";
    });
    // This commit waits for a standby, and keeps the lock meanwhile.
    const held = holder!.begin(async (tx) => {
      await tx`create table work ()`;
      await tx`notify junk`;
    }).catch(() => undefined);
    await until("the lock to be kept", async () => {
      const waiting = await admin!`select from pg_stat_activity where wait_event = 'SyncRep'`;
      return waiting.length === 1;
    });
    const begunAt = performance.now();
    await assertRejects(() => notify(sender!, ["late"]), Error, "lock timeout");
    const ms = performance.now() - begunAt;
    assertGreater(ms, 400);
    assertLess(ms, 2_000);
    await admin!`alter system reset synchronous_standby_names`;
    await admin!`select pg_reload_conf()`;
    await held;
    await notify(sender!, ["at once"]);
    assert(postgres.runs);
  } finally {
    await Promise.all([admin, holder, sender].map((sql) => sql!.end({ timeout: 1 })));
    await postgres.dispose();
  }
});
