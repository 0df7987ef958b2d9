/**
 * The order writer's machine: it decides what may happen to the mailbox. Orders do not pass through
 * transitions; batches do.
 *
 * circuit: whether the database is asked at all
 *   closed     batches are committed. Left when the window of latest calls is bad.
 *   open       nothing is sent there; orders go into the overflow buffer, or are refused where there
 *              is none. Left after a pause that grows with each opening in a row.
 *   half_open  `probes` batches of one order (or of none) are sent, one after the other. All well:
 *              closed. One fails or hangs: open. What a hung one took is back in the mailbox when it
 *              ends at last, and goes the way of the state that the circuit is in by then.
 * intake: whether orders are taken
 *   accepting  orders come in.
 *   draining   none come in, what is here is committed. Entered by STOP.
 *   stopped    all is answered. Entered when nothing is left, or when STOP's time is up, which
 *              refuses the rest.
 * lanes: how many batches are in flight. While one commits the next gathers, so an idle writer adds
 *   no wait and a busy one makes larger batches. A lane pauses after a failure, with backoff.
 * overflow: while the circuit is not closed, what waits is put into the overflow buffer. It pauses when
 *   the buffer did not answer.
 * deadlines: while orders are here, those past their deadline are answered.
 */
import { stateIn } from "xstate";
import type { BatchReport } from "./group_commit.ts";
import { writer } from "./behaviour.ts";

type Ended = { readonly event: { readonly output: BatchReport } };
const reportOf = ({ event }: Ended) => event.output;
const record = [
  { type: "recordBatch", params: reportOf },
  { type: "adaptBatch", params: reportOf },
  "announceBatch",
] as const;

/** A lane takes a batch on PUMP when `guard` says that it is its turn. */
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
              actions: [...record, "pump"],
            },
            { target: "pausing", actions: [...record] },
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
                actions: [...record],
              },
              {
                guard: { type: "succeeded", params: reportOf },
                target: "probing",
                reenter: true,
                actions: [...record, "countProbe"],
              },
              { target: "#open", actions: [...record] },
            ],
          },
          after: { probeTimeout: "#open" },
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
          { guard: stateIn({ circuit: "closed" }), target: "resting", actions: "pump" },
          { target: "resting", actions: ["refuseUnlessSpilled", "pump"] },
        ],
      },
    },
  },
});

const intake = writer.createStateConfig({
  initial: "accepting",
  states: {
    accepting: { on: { STOP: { target: "draining", actions: "planDrain" } } },
    draining: {
      always: { guard: "isEmpty", target: "stopped" },
      after: { drainTime: { target: "stopped", actions: "refuseAll" } },
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
    lastError: null,
    drainMs: 0,
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
