/**
 * Connections that send nothing, or half a head, and far more of them than the process has
 * descriptors for. They are closed, callers get in meanwhile, and the instance goes on listening.
 */
import { connect, type Socket } from "node:net";
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { report, withFaults } from "../../support/faults/fault_run.ts";
import { memoryGoesBack, residentMiB } from "../../support/faults/memory.ts";
import { expectGentle, Gentle } from "../../support/load/gentle.ts";
import { anInput } from "../../support/load/orders.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { DESCRIPTORS } from "../../support/services/service_process.ts";
import { until } from "../../support/services/services.ts";

const SILENT = 600;
const MOST_GROWTH_MIB = 200;

/** Sockets that say nothing, or half a head, until they are closed. */
class SilentSockets implements Disposable {
  readonly #sockets: Socket[] = [];
  closed = 0;

  /** Opens all, some at a time: the attacker shares two cores with the instance. */
  async open(url: string, count: number): Promise<void> {
    const { hostname, port } = new URL(url);
    for (let index = 0; index < count; index++) {
      if (index % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 50));
      const socket = connect(Number(port), hostname);
      socket.on("error", () => undefined);
      socket.on("close", () => this.closed++);
      socket.resume(); // a socket notices its end only while it reads
      if (index % 2 === 1) socket.write("POST /trpc/orders.place HTTP/1.1\r\nHost: a\r\n");
      this.#sockets.push(socket);
    }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

Deno.test("six hundred silent connections at a limit of 400 descriptors: all are closed, callers get in, and nobody waits", () =>
  withFaults(async (run) => {
    const service = await run.instance({ [DESCRIPTORS]: "400" });
    await using gentle = await Gentle.start({ url: service.url, token: KEY });
    const quiet = await gentle.quiet();
    const before = await residentMiB(service);
    using silent = new SilentSockets();
    let newcomers = 0;
    const underFire = await gentle.during(async () => {
      const opening = silent.open(service.url, SILENT);
      await until("all to be closed", async () => {
        const client = createTestClient(service.url, KEY);
        await client.api.orders.place.mutate(anInput());
        await client.close();
        newcomers++;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return silent.closed === SILENT;
      });
      await opening;
    });
    const after = await residentMiB(service);
    report("silent connections", { quiet, underFire, newcomers, memoryMiB: [before, after] });
    assert(newcomers > 0);
    assertEquals(underFire.refusals, {});
    assertLessOrEqual(after - before, MOST_GROWTH_MIB);
    expectGentle(quiet, underFire);
    await memoryGoesBack(service, before);
  }));
