/** The client that ships, while the leader of a Patroni cluster is killed and the standby takes over. */
import { createWeirClient, memoryStore } from "../../client/mod.ts";
import { expectStoredOnce, Shop } from "../support/client/client_shop.ts";
import { report, withFaults } from "../support/faults/fault_run.ts";
import { withPatroni } from "../support/programs/patroni.ts";
import { KEY } from "../support/services/instance.ts";

/** A failover takes half a minute, and callers without a pause place thousands of orders a second. */
const FEW = 3;

Deno.test("the client places each order once while a leader is killed and another takes over", () =>
  withPatroni((cluster) =>
    withFaults(async (run) => {
      const leader = await cluster.leader();
      run.postgres = leader.server;
      const { url } = await run.instance({ DATABASE_URL: cluster.url });
      const weir = createWeirClient({ url, token: KEY });
      const outbox = await weir.openOutbox({ store: memoryStore() });
      const shop = new Shop(weir, outbox, FEW);
      await shop.goOn();
      await leader.crash();
      await shop.keepSome();
      await shop.goOn();
      const next = await cluster.nextLeader(leader);
      run.postgres = next.server;
      await shop.keepSome();
      await shop.goOn();
      await shop.close();
      await expectStoredOnce(run, shop);
      report("the client through a failover", shop.figures);
      await outbox.close();
      await weir.close();
    })
  ));
