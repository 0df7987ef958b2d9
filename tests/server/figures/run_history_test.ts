import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { FoldRun } from "../../../actors/aggregator/machine.ts";
import { Hints } from "../../../server/telemetry/hints.ts";
import { type RunHistoryOptions, startRunHistory } from "../../../server/figures/run_history.ts";

type Written = Parameters<RunHistoryOptions["write"]>[0];

const NOTICE = { format: 1, epoch: 1, version: 2, scopes: "all", writtenAt: null } as const;

function folded(version: number, changed = true): FoldRun {
  return {
    ms: 5,
    wokenAt: null,
    result: {
      outcome: "folded",
      epoch: 1,
      version,
      journalRows: 3,
      orders: 30,
      lagMs: 11,
      more: false,
      notice: changed ? { ...NOTICE, version } : null,
    },
  };
}

const failed: FoldRun = { ms: 9, wokenAt: null, error: { code: "57014", severity: "ERROR" } };
const locked: FoldRun = { ms: 1, wokenAt: null, result: { outcome: "locked" } };

Deno.test("runs that changed something or failed are written together, each with its age", async () => {
  using time = new FakeTime();
  const written: Written[] = [];
  const history = startRunHistory({
    write: (runs) => Promise.resolve(void written.push(runs)),
    now: () => time.now,
    hints: new Hints(() => time.now),
  });
  history.add(folded(2));
  history.add(folded(2, false));
  history.add(locked);
  await time.tickAsync(1_000);
  history.add(failed);
  assertEquals(written.length, 0);
  await time.tickAsync(4_000);
  assertEquals(written.flat().map((run) => [run.outcome, run.version, run.error, run.agoMs]), [
    ["folded", 2, null, 5_000],
    ["failed", null, "57014", 4_000],
  ]);
  await time.tickAsync(20_000);
  assertEquals(written.length, 1, "nothing new, nothing written");
  history.add(folded(3));
  await history.stop();
  await history.stop();
  assertEquals(written.length, 2, "a stop writes what is here");
});

Deno.test("runs that the database did not take are written when it is back, within a bound", async () => {
  using time = new FakeTime();
  const written: Written[] = [];
  let away = true;
  const history = startRunHistory({
    write: (runs) =>
      away ? Promise.reject(new Error("away")) : Promise.resolve(void written.push(runs)),
    now: () => time.now,
    hints: new Hints(() => time.now),
  });
  for (let version = 1; version <= 1_500; version++) history.add(folded(version));
  await time.tickAsync(5_000);
  history.add(folded(1_501));
  away = false;
  await time.tickAsync(5_000);
  const versions = written.flat().map(({ version }) => version);
  assertEquals([versions.length, versions[0], versions.at(-1)], [1_000, 502, 1_501]);
  await history.stop();
});
