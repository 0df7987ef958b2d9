import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { StandingProblem } from "../../../../client/contract/ops_status.ts";
import type { Finding, Moment, ProblemRule } from "../../../../server/ops/problems/rule.ts";
import type { Signs } from "../../../../server/ops/problems/signs.ts";
import { startProblemWatch } from "../../../../server/ops/problems/watch.ts";

const START = Date.parse("2026-11-22T10:00:00.000Z");

interface WatchTest {
  /** The lines so far, each with its level and the seconds since the start. */
  readonly said: string[];
  /** The findings from the next look on, by problem. */
  readonly found: Map<string, Finding>;
  readonly moments: Moment[];
  readonly changes: () => number;
  standing(): readonly StandingProblem[];
  look(): void;
  pass(seconds: number): Promise<void>;
  /** Stops the process for a time: no timer runs meanwhile. */
  stall(seconds: number): void;
}

/** Runs `test` with a watch over these rules, whose findings the test sets. */
async function withWatch(
  rules: readonly Partial<ProblemRule>[],
  test: (watch: WatchTest) => Promise<void>,
): Promise<void> {
  using time = new FakeTime(START);
  const found = new Map<string, Finding>();
  const said: string[] = [];
  const moments: Moment[] = [];
  let [stalledMs, changes] = [0, 0];
  const now = () => time.now - START + stalledMs;
  const say = (level: string) => (line: string) =>
    void said.push(`${now() / 1_000} ${level} ${line}`);
  const watch = startProblemWatch({
    rules: rules.map((rule) => ({
      name: "bug",
      words: "it is bad",
      over: "it is good",
      ...rule,
      look: (_signs, moment) => {
        moments.push(moment);
        return found.get(rule.name ?? "bug") ?? null;
      },
    })),
    signs: {} as Signs,
    now,
    log: { info: say("INFO"), warn: say("WARN"), error: say("ERROR") },
  });
  watch.onChange(() => changes++);
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      time.tick(1_000);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  };
  await test({
    said,
    found,
    moments,
    changes: () => changes,
    standing: watch.standing,
    look: watch.look,
    pass,
    stall: (seconds) => stalledMs += seconds * 1_000,
  });
  await watch.stop();
}

Deno.test("a problem is said when it begins, each minute with its counts, and when it ends", () =>
  withWatch([{}], async ({ said, found, changes, standing, pass }) => {
    await pass(2);
    assertEquals([said, standing(), changes()], [[], [], 0]);
    found.set("bug", { detail: "why", counts: { waiting: 3 } });
    await pass(1);
    assertEquals(said, ["3 WARN it is bad: why [waiting 3]"]);
    assertEquals(standing(), [
      { name: "bug", since: "2026-11-22T10:00:03.000Z", detail: "why", counts: { waiting: 3 } },
    ]);
    found.set("bug", { detail: "another reason", counts: { waiting: 5 } });
    await pass(130);
    assertEquals(said.slice(1), [
      "63 WARN it is bad (for 60 s): another reason [waiting 5]",
      "123 WARN it is bad (for 120 s): another reason [waiting 5]",
    ]);
    found.delete("bug");
    await pass(20);
    assertEquals(said.slice(3), ["138 INFO it is good, after 130 s [waiting 5]"]);
    assertEquals([standing(), changes()], [[], 2]);
  }));

Deno.test("a problem is said at once when an actor has changed", () =>
  withWatch([{}], async ({ said, found, look, pass }) => {
    found.set("bug", { detail: "why" });
    look();
    await pass(10);
    assertEquals(said, ["0 WARN it is bad: why"]);
  }));

Deno.test("a problem begins only when each look of its time has found it", () =>
  withWatch([{ beginAfterMs: 3_000 }], async ({ said, found, pass }) => {
    for (let time = 0; time < 5; time++) {
      found.set("bug", { detail: "for a moment" });
      await pass(3);
      found.delete("bug");
      await pass(1);
    }
    assertEquals(said, []);
    found.set("bug", { detail: "for long" });
    await pass(4);
    assertEquals(said, ["24 WARN it is bad: for long"]);
  }));

Deno.test("a problem that comes and goes within seconds is one problem", () =>
  withWatch([{}], async ({ said, found, standing, pass }) => {
    for (let time = 0; time < 10; time++) {
      found.set("bug", { detail: "flaps" });
      await pass(2);
      found.delete("bug");
      await pass(4);
      assertEquals(standing().length, 1);
    }
    await pass(10);
    assertEquals(said, ["1 WARN it is bad: flaps", "61 INFO it is good, after 55 s"]);
  }));

Deno.test("a problem that comes back every ten seconds makes a few lines a minute", () =>
  withWatch([{}], async ({ said, found, pass }) => {
    for (let time = 0; time < 60; time++) {
      found.set("bug", { detail: "flaps" });
      await pass(2);
      found.delete("bug");
      await pass(8);
    }
    assertEquals(said.slice(0, 4), [
      "1 WARN it is bad: flaps",
      "7 INFO it is good, after 1 s",
      "11 WARN it is bad: flaps",
      "71 WARN it is bad (for 60 s): flaps",
    ]);
    assertEquals(said.length, 12, "one a minute from then on");
  }));

Deno.test("a consequence does not begin beside its cause, nor soon after it", () =>
  withWatch(
    [{ name: "database_out" }, { name: "folds_failing", causes: ["database_out"] }],
    async ({ said, found, standing, pass }) => {
      found.set("database_out", { detail: "cause" });
      found.set("folds_failing", { detail: "consequence" });
      await pass(30);
      assertEquals(standing().map(({ name }) => name), ["database_out"]);
      found.delete("database_out");
      await pass(14);
      found.delete("folds_failing");
      await pass(60);
      assertEquals(said, ["1 WARN it is bad: cause", "35 INFO it is good, after 29 s"]);
      found.set("folds_failing", { detail: "by itself" });
      await pass(1);
      assertEquals(said.slice(2), ["105 WARN it is bad: by itself"]);
    },
  ));

Deno.test("a problem that waits for a person is said at each change, and once an hour", () =>
  withWatch([{ again: "change" }], async ({ said, found, pass }) => {
    const open = (letters: number) => found.set("bug", { detail: "open", counts: { letters } });
    open(1);
    await pass(10);
    for (let letters = 2; letters < 20; letters++) {
      open(letters);
      await pass(5);
    }
    await pass(3_700);
    assertEquals(said, [
      "1 WARN it is bad: open [letters 1]",
      "61 WARN it is bad (for 60 s): open [letters 12]",
      "121 WARN it is bad (for 120 s): open [letters 19]",
      "3721 WARN it is bad (for 3720 s): open [letters 19]",
    ]);
  }));

Deno.test("a problem by choice is said once, and an error at its level", () =>
  withWatch(
    [{ name: "overflow_absent", again: "never" }, { name: "drift", level: "error" }],
    async ({ said, found, pass }) => {
      found.set("overflow_absent", { detail: "by choice" });
      await pass(7_300);
      found.set("drift", { detail: "grave" });
      await pass(1);
      assertEquals(said, ["1 WARN it is bad: by choice", "7301 ERROR it is bad: grave"]);
    },
  ));

Deno.test("a look that comes late tells by how much, and a look between turns does not", () =>
  withWatch([{}], async ({ moments, look, pass, stall }) => {
    await pass(1);
    stall(7);
    await pass(1);
    look();
    assertEquals(moments.map(({ lateMs }) => lateMs), [0, 7_000, 0]);
  }));
