/** Two instances in an outage of the database, and the lines that each of them logs. */
import { assertEquals, assertMatch } from "@std/assert";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";
import { anInput } from "../../support/load/orders.ts";
import { until } from "../../support/services/services.ts";
import { withProcesses } from "../../support/services/service_process.ts";

/** The outage lasts long enough for one line of each minute, and not for two. */
const OUTAGE_MS = 75_000;

/** The lines of problems in the log of a process: `WARN the database is out: …`. */
function problemLines(log: string): string[] {
  return log.split("\n").flatMap((line) => {
    if (!line.startsWith("{")) return [];
    const { logger, level, message } = JSON.parse(line);
    return String(logger).includes("problem") ? [`${level} ${message}`] : [];
  });
}

/** The number of lines in the log of a process that are warnings or worse. */
function warnings(log: string): number {
  return log.split("\n").filter((line) => /"level":"(WARN|WARNING|ERROR|FATAL)"/.test(line)).length;
}

Deno.test("an outage is said by each instance when it begins, each minute, and when it ends", () =>
  withProcesses(async ({ database, start }) => {
    const proxy = WireProxy.to(database.url);
    const environment = { DATABASE_URL: proxy.through(database.url) };
    const services = await Promise.all([start(environment), start(environment)]);
    const [busy, idle] = services.map(({ url }) => createTestClient(url, KEY));
    try {
      for (const { api } of [busy!, idle!]) {
        await until("the instance to be ready", async () => {
          const { spill, bus } = await api.ops.status.query();
          return spill.state === "ready" && bus.state === "redis";
        });
      }
      await busy!.api.orders.place.mutate(anInput());
      const begunAt = performance.now();
      proxy.cut();
      const statuses = new Set<string>();
      await until("the outage to have lasted", async () => {
        const answer = await busy!.api.orders.place.mutate(anInput());
        statuses.add(answer.status);
        return performance.now() - begunAt > OUTAGE_MS;
      }, OUTAGE_MS + 20_000);
      assertEquals([...statuses], ["spilled"]);
      await proxy.mend();
      for (const { api } of [busy!, idle!]) {
        await until("no problem to stand", async () => {
          const { problems, spill } = await api.ops.status.query();
          return problems.length === 0 && spill.orders === 0;
        }, 60_000);
      }
    } finally {
      await Promise.all([busy?.close(), idle?.close()]);
      await proxy.close();
    }
    for (const service of services) {
      const { stdout, stderr } = await service.stop();
      const lines = problemLines(stderr + stdout);
      assertEquals(lines.length, 3, lines.join("\n"));
      assertMatch(lines[0]!, /^WARN\w* the database is out: .+; orders go into the overflow until/);
      assertMatch(
        lines[1]!,
        /^WARN\w* the database is out \(for 6\d s\): .* spilledOrders [1-9]\d*/,
      );
      assertMatch(lines[2]!, /^INFO the database is back, after (6|7|8|9)\d s/);
      assertEquals(warnings(stdout + stderr), 2, "nothing else is said as a warning");
    }
  }));
