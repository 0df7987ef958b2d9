/**
 * An aggregator is killed or stopped at chosen moments of a fold. The other instance folds what it
 * left, the versions go on, and no subscriber is stuck or goes back.
 */
import { assertEquals, assertLess } from "@std/assert";
import {
  type DashboardRun,
  pause,
  STORES,
  withDashboards,
} from "../../support/load/dashboard_run.ts";
import { report } from "../../support/faults/fault_run.ts";
import { type FoldTime, readFoldTimes } from "../../support/recount/fold_trail.ts";
import { createTestClient, KEY } from "../../support/services/instance.ts";
import { anInput } from "../../support/load/orders.ts";
import { until } from "../../support/services/services.ts";
import type { WireProxy } from "../../support/faults/wire_proxy.ts";

/** The other instance must have folded within this time. */
const FOLDED_WITHIN_MS = 2_000;
const SHOWN_WITHIN_MS = 5_000;
const UNKNOWING_MS = 1_000;

interface Moment {
  readonly name: string;
  readonly signal: "SIGKILL" | "SIGSTOP";
  /** Whether the fold is committed at that moment. */
  readonly isCommitted: boolean;
  /** Calls `act` when the moment has come, with the version of the fold. */
  readonly watch: (stage: DashboardRun, act: (version: number) => void) => void;
}

/**
 * The last statement of a fold, which gives its scopes their version and time. The first group is
 * the begin of the names that the session gives its statements, the second is the version.
 */
const MARK = /B[^]{4}\0(\w+?)\d*\0[^]*\{"\*"[^}]*\}[^]{4}(\d+)[^]{4}\d{4}-\d\d-\d\d[T ]/;

function atMark({ postgres }: { postgres: WireProxy }, act: (version: number) => void): void {
  postgres.onRequest = (text) => {
    const [, , version] = MARK.exec(text) ?? [];
    if (version !== undefined) act(Number(version));
  };
}

/** Calls `act` at the COMMIT, which the session sends right after that last statement. */
function atCommit({ postgres }: { postgres: WireProxy }, act: (version: number) => void): void {
  let fold: { readonly session: string; readonly version: number } | null = null;
  postgres.onRequest = (text) => {
    const [, session, version] = MARK.exec(text) ?? [];
    if (session !== undefined) fold = { session, version: Number(version) };
    else if (fold !== null && text.includes(fold.session)) act(fold.version);
  };
}

const versionIn = (text: string) => Number(/"version":(\d+)/.exec(text)?.[1]);

const MOMENTS: readonly Moment[] = [
  {
    name: "killed in mid-fold",
    signal: "SIGKILL",
    isCommitted: false,
    watch: ({ wires: [wires] }, act) => atMark(wires!, act),
  },
  {
    name: "killed after it sent COMMIT, before the answer",
    signal: "SIGKILL",
    isCommitted: true,
    watch: ({ wires: [wires] }, act) => atCommit(wires!, act),
  },
  {
    name: "killed between COMMIT and publish",
    signal: "SIGKILL",
    isCommitted: true,
    watch: ({ wires: [wires] }, act) => {
      const { redis } = wires!;
      redis.onRequest = (text) => {
        if (!text.includes("publish")) return;
        redis.requests = "dropped";
        act(versionIn(text));
      };
    },
  },
  {
    name: "killed after publish",
    signal: "SIGKILL",
    isCommitted: true,
    watch: ({ wires: [wires] }, act) => {
      wires!.redis.onReply = (text) => {
        if (text.includes(":folds") && text.includes('"version"')) act(versionIn(text));
      };
    },
  },
  {
    name: "stopped with its transaction open",
    signal: "SIGSTOP",
    isCommitted: false,
    watch: ({ wires: [wires] }, act) => atMark(wires!, act),
  },
  {
    name: "stopped between COMMIT and publish, which goes out when it wakes",
    signal: "SIGSTOP",
    isCommitted: true,
    watch: ({ wires: [wires] }, act) => {
      const { redis } = wires!;
      redis.onRequest = (text) => {
        if (!text.includes("publish")) return;
        redis.requests = "held";
        act(versionIn(text));
      };
    },
  },
];

/** Places orders at one instance only, so that nothing wakes the other's aggregator. */
async function placeAt({ services }: DashboardRun, place: 0 | 1): Promise<void> {
  const client = createTestClient(services[place]!.url, KEY);
  try {
    const orders = STORES.map((storeId) => anInput({ storeId }));
    await client.api.orders.placeMany.mutate({ orders });
  } finally {
    await client.close();
  }
}

interface Reached {
  /** The version of the fold at that moment. */
  readonly version: number;
  /** Unix milliseconds. */
  readonly at: number;
  /** Calls to the first instance. It may answer some of them when it wakes. */
  readonly calls: readonly Promise<void>[];
}

/** Places orders at the first instance until one of its folds comes to the moment. */
async function reach(
  stage: DashboardRun,
  { signal, watch }: Moment,
): Promise<Reached> {
  let come: Omit<Reached, "calls"> | null = null;
  watch(stage, (version) => {
    if (come !== null) return;
    stage.services[0]!.signal(signal);
    come = { version, at: Date.now() };
  });
  const calls: Promise<void>[] = [];
  const reached = await until("the moment", () => {
    if (come === null) calls.push(placeAt(stage, 0).catch(() => undefined));
    return come;
  });
  if (signal === "SIGSTOP") stage.leaveSilent(0);
  else await stage.kill(0);
  return { ...reached, calls };
}

/** Waits for the other instance's first fold after `at`. */
function nextFold({ run }: DashboardRun, at: number): Promise<FoldTime> {
  return until("the other instance to fold", async () => {
    const times = await run.ask(readFoldTimes);
    return times.find((fold) => fold.at > at) ?? null;
  });
}

/**
 * Wakes the first instance, which gets no answer from its database for a while. Its figures in
 * memory are older than those that returning subscribers have seen.
 */
async function wakeUnknowing(stage: DashboardRun): Promise<void> {
  stage.wires[0]!.postgres.replies = "held";
  stage.wake(0);
  stage.moveHome();
  await pause(UNKNOWING_MS);
}

for (const moment of MOMENTS) {
  Deno.test(`an aggregator ${moment.name} leaves nothing undone and nobody behind`, () =>
    withDashboards(async (stage) => {
      const { services, audience, load } = stage;
      const { isCommitted, signal } = moment;
      await stage.takeSeats();
      const movable = [...audience.members];
      if (signal === "SIGSTOP") { // these members wait until the first instance wakes
        for (const scope of ["*", "north"]) audience.join(services[0]!.url, scope, "WebSocket");
      }
      await placeAt(stage, 0);
      await audience.everyone(({ version }) => version > 0, "the first fold");

      const { version, at, calls } = await reach(stage, moment);
      if (isCommitted) await placeAt(stage, 1);
      const next = await nextFold(stage, at);
      assertEquals(next.version, isCommitted ? version + 1 : version);
      assertLess(next.at - at, FOLDED_WITHIN_MS);
      await audience.everyone(
        (frame) => frame.version >= next.version,
        "everyone to have its version",
        { members: movable, timeoutMs: SHOWN_WITHIN_MS },
      );
      const shownAfterMs = Date.now() - at;

      if (signal === "SIGSTOP") await wakeUnknowing(stage);
      else await stage.startAgain(0);
      for (const wire of Object.values(stage.wires[0]!)) wire.open();
      stage.moveHome();
      await Promise.all(calls);
      load.start();
      await pause(2_000);
      const figures = await stage.verify();
      report(moment.name, { foldedAfterMs: next.at - at, shownAfterMs, ...figures });
    }, { ordersPerSecond: 100, wired: true }));
}
