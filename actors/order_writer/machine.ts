/**
 * The order writer's machine: it decides when batches are sent, when orders are spilled, and when
 * they are refused. Orders wait in the mailbox. The machine handles batches, never a single order.
 *
 * It has five parts that run side by side. docs/machines.md shows their charts.
 *
 * circuit: whether the database is asked at all
 *   closed     Batches are committed. Left when the window of latest calls is bad, or has met nothing
 *              but standbys for a while.
 *   open       Nothing is sent to the database. Orders go into the overflow, or are refused when there
 *              is none. Left after a pause that grows with each opening in a row. The pause is at most
 *              250 ms while a standby answers, and 500 ms while no server is there.
 *   half_open  `probes` batches of at most one order are sent, one after the other. If all succeed,
 *              the circuit closes. If one fails or hangs, the circuit opens. A hung probe that ends
 *              late answers its order if it can. Otherwise it puts the order back in the mailbox,
 *              where the circuit's state of that moment decides.
 * intake: whether orders are taken
 *   accepting  Orders come in.
 *   draining   The writer is stopping: it takes no order and commits the ones it has. Entered by STOP.
 *   stopped    Every order is answered. Entered when no order is left, or when the time that STOP gave
 *              has run out; the remaining orders are refused then.
 * lanes: the batches that may commit at once. While one batch commits the next one gathers, so an idle
 *   writer adds no wait and a busy one makes larger batches. A lane pauses after a failure, with
 *   backoff.
 * overflow: moves waiting orders into the overflow while the circuit is not closed. It pauses when the
 *   overflow did not answer.
 * deadlines: answers orders that are past their deadline, while there are orders.
 *
 * Tested in tests/actors/reactions_test.ts (each event in each state) and, in order_writer/ there,
 * circuit_test.ts, no_primary_test.ts, order_writer_test.ts and group_spill_test.ts.
 */
import type { BatchReport } from "./group_commit.ts";
import { writer } from "./behaviour.ts";

type Ended = { readonly event: { readonly output: BatchReport } };
const reportOf = ({ event }: Ended) => event.output;
const recordAdaptAnnounce = [
  { type: "recordBatch", params: reportOf },
  { type: "adaptBatch", params: reportOf },
  "announceBatch",
] as const;

/** A lane takes a batch on PUMP when `guard` allows it. */
const laneFor = (guard: "mayCommit" | "mayCommitBeside") =>
  writer.createStateConfig({
    initial: "resting",
    states: {
      resting: { on: { PUMP: { guard, target: "committing" } } },
      committing: {
        invoke: {
          src: "commitBatch",
          input: ({ context }) => context,
          onDone: [
            {
              guard: { type: "succeeded", params: reportOf },
              target: "resting",
              actions: [...recordAdaptAnnounce, "pump"],
            },
            { target: "pausing", actions: [...recordAdaptAnnounce] },
          ],
        },
      },
      pausing: { after: { retryPause: { target: "resting", actions: "pump" } } },
    },
  });

const circuit = writer.createStateConfig({
  initial: "closed",
  states: {
    closed: {
      id: "closed",
      entry: ["recover", "clearWindow", "pump"],
      on: { BATCH_ENDED: { guard: "windowIsBad", target: "open" } },
    },
    open: {
      id: "open",
      entry: ["planHalfOpen", "refuseUnlessSpilled", "pump"],
      on: { BATCH_ENDED: { actions: ["refuseUnlessSpilled", "pump"] } },
      after: { untilHalfOpen: "half_open" },
    },
    half_open: {
      entry: "forgetProbes",
      initial: "probing",
      states: {
        probing: {
          invoke: {
            src: "commitProbe",
            input: ({ context, self }) => ({
              ...context,
              onLate: (report) => {
                if (self.getSnapshot().status !== "active") return;
                self.send({ type: "PROBE_LATE", report });
              },
            }),
            onDone: [
              {
                guard: { type: "isLastProbe", params: reportOf },
                target: "#closed",
                actions: [...recordAdaptAnnounce],
              },
              {
                guard: { type: "succeeded", params: reportOf },
                target: "probing",
                reenter: true,
                actions: [...recordAdaptAnnounce, "countProbe"],
              },
              { target: "#open", actions: [...recordAdaptAnnounce] },
            ],
          },
          after: { probeTimeout: { target: "#open", actions: "noteSilence" } },
        },
      },
    },
  },
});

const overflow = writer.createStateConfig({
  initial: "resting",
  states: {
    resting: { on: { PUMP: { guard: "maySpill", target: "spilling" } } },
    spilling: {
      invoke: {
        src: "spillBatch",
        input: ({ context }) => context,
        onDone: [
          {
            guard: { type: "spillFailed", params: ({ event }) => event.output },
            target: "pausing",
          },
          { target: "resting", actions: "pump" },
        ],
      },
    },
    pausing: {
      after: {
        spillPause: [
          { guard: "isClosed", target: "resting", actions: "pump" },
          { target: "resting", actions: ["refuseUnlessSpilled", "pump"] },
        ],
      },
    },
  },
});

const intake = writer.createStateConfig({
  initial: "accepting",
  states: {
    accepting: { on: { STOP: { target: "draining", actions: "noteStopTimeout" } } },
    draining: {
      always: { guard: "isEmpty", target: "stopped" },
      after: { stopTimeout: { target: "stopped", actions: "refuseAll" } },
    },
    stopped: {},
  },
});

const deadlines = writer.createStateConfig({
  initial: "resting",
  states: {
    resting: { on: { PUMP: "watching" } },
    watching: {
      after: {
        sweep: [
          { guard: "hasOrders", target: "watching", reenter: true, actions: "expire" },
          { target: "resting" },
        ],
      },
    },
  },
});

export const orderWriterMachine = writer.createMachine({
  id: "order_writer",
  context: ({ input }) => ({
    ...input,
    batchOrders: input.maxBatchOrders,
    failuresInARow: 0,
    openingsInARow: 0,
    probesPassed: 0,
    halfOpenAt: 0,
    longestPauseMs: Infinity,
    lastError: null,
    lastErrorAt: null,
    stopTimeoutMs: 0,
  }),
  type: "parallel",
  on: {
    CALL_FAILED: { actions: ["recordCall", "announceBatch"] },
    PROBE_LATE: { actions: ["tellLate", "announceBatch", "pump"] },
  },
  states: {
    circuit,
    overflow,
    intake,
    deadlines,
    lanes: {
      type: "parallel",
      states: { first: laneFor("mayCommit"), second: laneFor("mayCommitBeside") },
    },
  },
});
