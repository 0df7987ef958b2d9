/** Each problem of the list, brought about by its signs alone. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PROBLEM_NAMES, type ProblemName } from "../../../../client/contract/ops_status.ts";
import { PROBLEMS } from "../../../../server/ops/problems/list.ts";
import type { Finding } from "../../../../server/ops/problems/rule.ts";
import type { Signs } from "../../../../server/ops/problems/signs.ts";
import { type HintName, HINTS } from "../../../../server/telemetry/hints.ts";
import { NOW, quietSigns } from "../../../support/doubles/quiet_signs.ts";

/** Signs by which a problem is found, and similar signs by which it is not found yet. */
interface Case {
  readonly found: (signs: Signs) => Partial<Signs>;
  readonly near?: (signs: Signs) => Partial<Signs>;
  /** The detail says this. */
  readonly says: RegExp;
  readonly lateMs?: number;
}

const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
const standby = Object.assign(new Error("not on a standby"), { code: "25006" });
const denied = Object.assign(new Error("permission denied"), { code: "42501" });

const silent = (signs: Signs): Partial<Signs> => ({
  database: () => ({ ...signs.database(), isSilent: true, reason: "no answer", answeredAt: 10 }),
});
const failing = (work: keyof Signs["streaks"], times: number, error: Error, at = NOW) => {
  const signs = quietSigns(() => at);
  for (let time = 0; time < times; time++) signs.streaks[work].failed(error);
  return { streaks: signs.streaks };
};
/** A batch that was committed after the latest answer to a read. */
const committing = () => {
  const { streaks } = quietSigns();
  streaks.batches.succeeded();
  return { streaks };
};
const failingStep = (name: HintName, error: string) => ({ name, error, missing: HINTS[name] });
const spilled = (orders: number, oldestAgeMs: number) => ({
  spill: () => ({ state: "ready" as const, orders, oldestAgeMs }),
});
const overflow = (parts: Partial<ReturnType<Signs["overflow"]>>) => (signs: Signs) => ({
  overflow: () => ({ ...signs.overflow()!, ...parts }),
});

const CASES: Readonly<Record<ProblemName, Case>> = {
  not_prepared: { found: () => failing("preparation", 1, refused), says: /ECONNREFUSED/ },
  database_out: {
    found: (signs) => ({
      writer: () => ({ ...signs.writer(), circuit: "half_open", lastError: "57P01" }),
    }),
    near: (signs) => ({ ...silent(signs), ...committing() }),
    says: /57P01; orders go into the overflow/,
  },
  reads_out: {
    found: (signs) => ({ ...silent(signs), ...committing() }),
    near: silent,
    says: /no answer; orders are committed/,
  },
  primary_unknown: {
    found: () => failing("folds", 2, standby),
    near: () => failing("folds", 2, denied),
    says: /standby.*25006/,
  },
  connections_few: {
    found: () => ({ connectionLimit: () => ({ allowed: 6, wanted: 17 }) }),
    says: /the pools share/,
  },
  keys_unreadable: {
    found: () => failing("keyLookups", 2, denied, NOW - 5_000),
    near: () => failing("keyLookups", 2, denied, NOW - 15_000),
    says: /permission denied/,
  },
  folds_failing: {
    found: () => failing("folds", 2, denied, NOW - 6_000),
    near: () => failing("folds", 2, denied, NOW - 5_000),
    says: /permission denied \(42501\)/,
  },
  folds_behind: {
    found: () => ({
      backlog: () => ({ entries: 50_000, largestStore: "north", refusedOrders: 0 }),
    }),
    near: () => ({ backlog: () => ({ entries: 49_999, largestStore: null, refusedOrders: 1 }) }),
    says: /most of north; past the bound its orders are refused/,
  },
  figures_old: {
    found: (signs) => ({ database: () => ({ ...signs.database(), figuresAgeMs: 12_001 }) }),
    near: (signs) => ({ database: () => ({ ...signs.database(), figuresAgeMs: 12_000 }) }),
    says: /no instance has ended a fold/,
  },
  drift: {
    found: () => ({
      driftedBuckets: () => ["* at 2026-11-22"],
      auditor: () => ({ lastRunAt: null, checked: 10, drifted: 3 }),
    }),
    says: /drift in \* at 2026-11-22, and 2 more: run the task rebuild/,
  },
  listen_unheard: {
    found: () => ({ heard: () => new Set(["redis"] as const) }),
    near: () => ({ heard: () => new Set(["postgres"] as const) }),
    says: /Redis alone/,
  },
  redis_away: { found: () => ({ lostRedis: () => ["gone (cache)"] }), says: /gone \(cache\)/ },
  redis_refuses: {
    found: () => ({ failingSteps: () => [failingStep("publish", "NOPERM no channel")] }),
    near: () => ({ failingSteps: () => [failingStep("publish", "OOM")] }),
    says: /publish: NOPERM no channel \(meanwhile .*\); it needs ~weir:\* &weir:\*/,
  },
  overflow_absent: {
    found: () => ({ lostRedis: () => null, overflow: () => null }),
    near: () => ({ overflow: () => null }), // WEIR_SPILL=off
    says: /REDIS_URL is not set/,
  },
  overflow_unavailable: {
    found: (signs) => ({
      ...overflow({ reason: "NOPERM no key" })(signs),
      spill: () => ({ state: "unavailable", orders: 0, oldestAgeMs: null }),
    }),
    near: () => ({
      overflow: () => null,
      spill: () => ({ state: "unavailable", orders: 0, oldestAgeMs: null }),
    }),
    says: /NOPERM no key; it needs ~weir:\*.*orders are refused/,
  },
  overflow_not_durable: {
    found: (signs) => ({
      ...overflow({ reason: "Redis has appendfsync everysec" })(signs),
      spill: () => ({ state: "not_durable", orders: 0, oldestAgeMs: null }),
    }),
    says: /everysec; while the database is out, orders are refused/,
  },
  overflow_nearly_full: {
    found: overflow({ bytes: 0.8 * (1 << 30) }),
    near: () => spilled(799_999, 1),
    says: /at its bound, orders are refused/,
  },
  overflow_waiting: {
    found: () => spilled(3, 30_000),
    near: () => spilled(3, 29_000),
    says: /in no figure yet/,
  },
  drain_stalled: {
    found: () => ({ ...failing("drains", 2, denied, NOW - 10_000), ...spilled(3, 1) }),
    near: () => failing("drains", 2, denied, NOW - 10_000), // nothing waits
    says: /permission denied/,
  },
  orders_set_aside: { found: () => ({ setAsideOrders: () => 1 }), says: /the log names each/ },
  orders_shed: {
    found: () => ({ shed: () => ({ orders: 7, lastAt: NOW - 1_000 }) }),
    near: (signs) => ({
      shed: () => ({ orders: 7, lastAt: NOW - 2_000 }),
      writer: () => ({ ...signs.writer(), queuedOrders: 7_999 }),
    }),
    says: /orders are refused/,
  },
  dead_letters: { found: () => ({ deadLetters: () => 1 }), says: /somebody waits/ },
  clocks_apart: {
    found: () => ({ clocks: () => ({ database: NOW, redis: NOW, instance: NOW + 3_600_000 }) }),
    near: () => ({ clocks: () => ({ database: NOW, redis: NOW - 4_000, instance: NOW - 4_000 }) }),
    says: /this instance is about 3600 s ahead of the database/,
  },
  upkeep_failing: {
    found: () => failing("audits", 2, denied),
    near: (signs) => ({
      ...failing("audits", 2, denied, NOW - 10),
      database: () => ({ ...signs.database(), backAt: NOW }),
    }),
    says: /audit: permission denied/,
  },
  process_stalls: { found: () => ({}), lateMs: 2_000, says: /stopped/ },
  bug: { found: () => ({ bugs: () => ({ count: 1, latest: "a bug in x" }) }), says: /a bug in x/ },
};

/** The problems that these signs show, by name. */
function foundIn(signs: Signs, lateMs = 0): Map<ProblemName, Finding> {
  return new Map(PROBLEMS.flatMap(({ name, look }) => {
    const finding = look(signs, { now: NOW, lateMs });
    return finding === null ? [] : [[name, finding] as const];
  }));
}

Deno.test("quiet signs show no problem", () => {
  assertEquals([...foundIn(quietSigns())], []);
});

for (const name of PROBLEM_NAMES) {
  Deno.test(`${name} is found by its signs, and not by signs that are near`, () => {
    const { found, near, says, lateMs } = CASES[name];
    const quiet = quietSigns();
    const finding = foundIn({ ...quiet, ...found(quiet) }, lateMs).get(name);
    assert(finding !== undefined, "it is not found");
    assertMatch(finding.detail, says);
    if (near === undefined) return;
    assert(!foundIn({ ...quiet, ...near(quiet) }).has(name), "it is found by what is near");
  });
}

Deno.test("the list has each name of the contract, and causes only from it", () => {
  assertEquals(PROBLEMS.map(({ name }) => name), [...PROBLEM_NAMES]);
  for (const { name, causes = [] } of PROBLEMS) assert(!causes.includes(name), name);
});

Deno.test("a silent database is out where no order is committed, so that an idle instance says it", () => {
  const quiet = quietSigns();
  const found = foundIn({ ...quiet, ...silent(quiet), refusedOrders: () => 4 });
  assertEquals([...found.keys()], ["database_out"]);
  assertEquals(found.get("database_out")?.counts, {
    queuedOrders: 0,
    spilledOrders: 0,
    refusedOrders: 4,
  });
});

Deno.test("an overflow that has turned an order away is full, whatever its bounds say", () => {
  const quiet = quietSigns();
  const found = foundIn({ ...quiet, ...overflow({ fullAt: NOW - 9_000 })(quiet) });
  assertMatch(found.get("overflow_nearly_full")?.detail ?? "", /turned an order away/);
});

Deno.test("a Redis whose clock is far from the database's is named", () => {
  const quiet = quietSigns();
  const clocks = () => ({ database: NOW, redis: NOW - 61_000, instance: NOW });
  const found = foundIn({ ...quiet, clocks });
  assertEquals([...found.keys()], ["clocks_apart"]);
  assertMatch(found.get("clocks_apart")?.detail ?? "", /Redis is about 60 s behind the database/);
});

Deno.test("a side step that fails is named, whichever it is", () => {
  const quiet = quietSigns();
  const failingSteps = () => [failingStep("fold history", "no such table (42P01)")];
  const found = foundIn({ ...quiet, failingSteps });
  assertEquals(
    found.get("upkeep_failing")?.detail,
    "fold history: no such table (42P01) (meanwhile `aggregate --history` lacks these folds)",
  );
});
