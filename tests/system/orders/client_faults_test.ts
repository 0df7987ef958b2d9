/**
 * The client that ships, while instances are killed and restarted and PostgreSQL is killed: each promise
 * settles, each order of the outbox is committed, and each order is stored once.
 */
import { assertEquals } from "@std/assert";
import { WebSocket } from "ws";
import {
  createWeirClient,
  type Outbox,
  PlaceError,
  prepareOrder,
  type WeirClient,
} from "../../../client/mod.ts";
import { fileStore } from "../../../client/outbox/stores/file_store.ts";
import { Balancer } from "../../support/faults/balancer.ts";
import { type FaultRun, report, withFaults } from "../../support/faults/fault_run.ts";
import { expectExact } from "../../support/recount/recount.ts";
import { anInput } from "../../support/load/orders.ts";
import { KEY } from "../../support/services/instance.ts";
import type { ServiceProcess } from "../../support/services/service_process.ts";
import { until, withFolder } from "../../support/services/services.ts";

const { idempotencyKey: _, ...ORDER } = anInput();
/** Callers that place one order after the other. */
const CALLERS = 20;
/** Orders that are placed between two faults. */
const BETWEEN = 200;

/** The end of each order, as the client tells it. */
type Told = ReadonlyMap<string, string>;

/** Callers of a client, and an outbox. */
class Shop {
  readonly told = new Map<string, string>();
  readonly kept: string[] = [];
  #isOver = false;
  readonly #callers: Promise<void>[];

  constructor(readonly weir: WeirClient, readonly outbox: Outbox) {
    this.#callers = Array.from({ length: CALLERS }, () => this.#call());
  }

  /** Resolves when so many more orders have their ends. */
  async goOn(): Promise<void> {
    const before = this.told.size;
    await until("some orders", () => this.told.size >= before + BETWEEN);
  }

  async keepSome(): Promise<void> {
    for (let one = 0; one < 10; one++) this.kept.push((await this.outbox.add(ORDER)).orderId);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#callers);
  }

  async #call(): Promise<void> {
    while (!this.#isOver) {
      const { orderId, order } = prepareOrder(ORDER);
      const end = await this.weir.orders.place(order).then(({ status }) => status, endOf);
      this.told.set(orderId, end);
    }
  }
}

function endOf(error: unknown): string {
  if (!(error instanceof PlaceError)) throw error;
  return error.mayBeStored ? "unknown" : "refused";
}

/** Kills instances, then PostgreSQL, and replaces the instances as a deployment does. */
async function breakThings(run: FaultRun, shop: Shop, services: ServiceProcess[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const victim = round % services.length;
    await shop.goOn();
    await shop.keepSome();
    await services[victim]!.kill();
    services[victim] = await run.instance();
  }
  await shop.goOn();
  await run.postgres.kill();
  await shop.goOn();
  await shop.keepSome();
  await run.postgres.start();
  for (const index of services.keys()) {
    await shop.goOn();
    await services[index]!.stop();
    services[index] = await run.instance();
  }
  await shop.goOn();
}

/** Compares what the client told with the database. @returns the number of orders in it */
async function expectStoredOnce(run: FaultRun, told: Told, kept: readonly string[]) {
  const rows = await run.ask((sql) => sql<{ order_id: string }[]>`select order_id from orders`);
  const stored = new Set(rows.map(({ order_id }) => order_id));
  for (const [orderId, end] of told) {
    if (end !== "unknown") {
      assertEquals(stored.has(orderId), end !== "refused", `${orderId} ${end}`);
    }
  }
  for (const orderId of kept) assertEquals(stored.has(orderId), true, `${orderId} of the outbox`);
  const known = [...told.keys(), ...kept].filter((orderId) => stored.has(orderId));
  assertEquals(rows.length, known.length, "an order that nobody placed, or one twice");
  await run.ask(expectExact);
  return rows.length;
}

Deno.test("the client places each order once while instances and PostgreSQL are killed", () =>
  withFolder((folder) =>
    withFaults(async (run) => {
      const services = [await run.instance(), await run.instance()];
      const balancer = Balancer.over(() => services.map(({ url }) => url));
      const weir = createWeirClient({ url: balancer.url, token: KEY, WebSocket });
      const outbox = await weir.openOutbox({ store: await fileStore(`${folder}/outbox.jsonl`) });
      const live = weir.live();
      const endOfLive = live.subscribe(() => undefined);
      const shop = new Shop(weir, outbox);
      await breakThings(run, shop, services);
      await shop.close();
      await run.drained();
      const settled = await Promise.all(shop.kept.map((orderId) => outbox.settled(orderId)));
      assertEquals(new Set(settled.map(({ state }) => state)), new Set(["committed"]));
      const orders = await expectStoredOnce(run, shop.told, shop.kept);
      await until(
        "the figures",
        () => live.getState().snapshot?.currencies[0]?.today.orders === orders,
      );
      const ends = Map.groupBy(shop.told.values(), (end) => end);
      report("the client through faults", {
        ...Object.fromEntries([...ends].map(([end, all]) => [end, all.length])),
        outbox: shop.kept.length,
      });
      endOfLive();
      await outbox.close();
      await weir.close();
      await balancer.close();
    })
  ));
