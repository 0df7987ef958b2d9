import { assert, assertEquals, assertRejects } from "@std/assert";
import { AuditorStopped, startAuditor } from "../../../actors/auditor/auditor.ts";
import type { EndedAudit } from "../../../actors/auditor/machine.ts";
import type { AuditReport } from "../../../client/contract/ops_runs.ts";
import { gate, socketError } from "../../support/doubles/scripted_store.ts";
import { SimulatedClock } from "../../support/doubles/simulated_clock.ts";

/** An auditor in simulated time. The test answers its audits. */
function anAuditor() {
  const clock = new SimulatedClock();
  const asked: number[] = [];
  const ended: EndedAudit[] = [];
  const script = { audit: () => Promise.resolve() };
  const auditor = startAuditor({
    audit: async (buckets): Promise<AuditReport> => {
      asked.push(buckets);
      await script.audit();
      return { checked: buckets, drifted: [] };
    },
    clock,
    random: () => 0.5,
    onEnded: (audit) => ended.push(audit),
    onBug: (error) => {
      throw error;
    },
  });
  return { clock, auditor, asked, ended, script };
}

Deno.test("the auditor checks a few buckets each minute, also after an audit that failed", async () => {
  const { clock, auditor, asked, ended, script } = anAuditor();
  await clock.advance(59_000, 1_000);
  assertEquals(asked, []);
  await clock.advance(2_000, 1_000);
  assertEquals(asked, [10]);
  script.audit = () => Promise.reject(socketError("ECONNRESET"));
  await clock.advance(120_000, 1_000);
  assertEquals(asked, [10, 10, 10]);
  assertEquals(ended.map((audit) => "error" in audit), [false, true, true]);
  await auditor.stop();
});

Deno.test("run() audits at once, or gives the report of the audit under way", async () => {
  const { clock, auditor, asked, script } = anAuditor();
  const running = gate();
  script.audit = () => running.passed;
  const [first, second] = [auditor.run(300), auditor.run(7)];
  await clock.settle();
  assertEquals(asked, [300]);
  running.open();
  assertEquals([(await first).checked, (await second).checked], [300, 300]);
  script.audit = () => Promise.reject(socketError("ECONNRESET"));
  await assertRejects(() => auditor.run(5), Error, "ECONNRESET");
  await clock.advance(61_000, 1_000);
  assertEquals(asked, [300, 5, 10], "the next audit has the usual size");
  await auditor.stop();
});

Deno.test("stop() waits for the audit under way, and no audit begins after it", async () => {
  const { clock, auditor, asked, script } = anAuditor();
  const running = gate();
  script.audit = () => running.passed;
  const last = auditor.run(3);
  let stopped = false;
  const stopping = auditor.stop().then(() => stopped = true);
  await clock.settle();
  assertEquals(stopped, false);
  await assertRejects(() => auditor.run(1), AuditorStopped);
  running.open();
  await stopping;
  assertEquals((await last).checked, 3);
  await auditor.stop();
  await clock.advance(200_000, 1_000);
  assertEquals(asked, [3]);
  assert(stopped);
});
