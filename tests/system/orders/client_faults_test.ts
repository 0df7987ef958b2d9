/**
 * The client that ships, while instances are killed and restarted and PostgreSQL is killed: each promise
 * settles, each order of the outbox is committed, and each order is stored once.
 */
import { WebSocket } from "ws";
import { createWeirClient } from "../../../client/mod.ts";
import { fileStore } from "../../../client/outbox/stores/file_store.ts";
import { Balancer } from "../../support/faults/balancer.ts";
import { expectStoredOnce, Shop } from "../../support/client/client_shop.ts";
import { type FaultRun, report, withFaults } from "../../support/faults/fault_run.ts";
import { KEY } from "../../support/services/instance.ts";
import type { ServiceProcess } from "../../support/services/service_process.ts";
import { until, withFolder } from "../../support/services/services.ts";

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
      const orders = await expectStoredOnce(run, shop);
      await until(
        "the figures",
        () => live.getState().snapshot?.currencies[0]?.today.orders === orders,
      );
      report("the client through faults", shop.figures);
      endOfLive();
      await outbox.close();
      await weir.close();
      await balancer.close();
    })
  ));
