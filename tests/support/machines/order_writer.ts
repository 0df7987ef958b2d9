/**
 * The order writer's machine for docs/machines.md: its sentences, and one table for each of its
 * parallel regions. `order_writer_stage.ts` brings it into each state.
 */
import type { EventFromLogic, SnapshotFrom } from "xstate";
import { orderWriterMachine } from "../../../actors/order_writer/machine.ts";
import { type Case, cases, events, type WriterScene } from "./order_writer_stage.ts";
import * as bring from "./order_writer_stage.ts";
import {
  type Leaf,
  type MachinePage,
  type Region,
  region,
  type Stage,
  type Table,
} from "./reactions.ts";

type Value = SnapshotFrom<typeof orderWriterMachine>["value"];
type Event = EventFromLogic<typeof orderWriterMachine>;

/** The regions by their paths; `lanes` is parallel inside. */
type Regions =
  & Omit<Value, "lanes">
  & { readonly [Lane in keyof Value["lanes"] as `lanes.${Lane}`]: Value["lanes"][Lane] };
type RegionTable<Path extends keyof Regions> = Table<Leaf<Regions[Path]>, Event["type"], Case>;

/** Work under way hears no event: it ends by itself. */
const deaf = {
  PUMP: "ignored",
  BATCH_ENDED: "ignored",
  PROBE_LATE: "ignored",
  CALL_FAILED: "ignored",
  STOP: "ignored",
} as const;

const judged = { when: { "the window is bad": { to: "open" }, otherwise: "ignored" } } as const;
const refuses = { stays: "orders that no overflow takes are refused" } as const;

const circuit: RegionTable<"circuit"> = {
  closed: { ...deaf, BATCH_ENDED: judged, PROBE_LATE: judged, CALL_FAILED: judged },
  open: { ...deaf, BATCH_ENDED: refuses, PROBE_LATE: refuses, CALL_FAILED: refuses },
  "half_open.probing": deaf,
};

const spills = {
  when: {
    "an order waits and the circuit is closed": "ignored",
    "an order waits, the circuit is open, the overflow is ready": { to: "spilling" },
    otherwise: "ignored",
  },
} as const;

const overflow: RegionTable<"overflow"> = {
  resting: {
    PUMP: spills,
    BATCH_ENDED: spills,
    PROBE_LATE: spills,
    CALL_FAILED: spills,
    STOP: "ignored",
  },
  spilling: deaf,
  pausing: deaf,
};

const emptied = {
  when: { "no order is left": { to: "stopped" }, otherwise: "ignored" },
} as const;

const intake: RegionTable<"intake"> = {
  accepting: {
    ...deaf,
    STOP: {
      when: {
        "an order waits and the circuit is closed": { to: "draining" },
        otherwise: { to: "stopped" },
      },
    },
  },
  draining: {
    PUMP: emptied,
    BATCH_ENDED: emptied,
    PROBE_LATE: emptied,
    CALL_FAILED: emptied,
    STOP: emptied,
  },
  stopped: deaf,
};

const pumped = {
  when: { "the circuit is open": { to: "watching" }, otherwise: "ignored" },
} as const;

const deadlines: RegionTable<"deadlines"> = {
  resting: {
    PUMP: { to: "watching" },
    BATCH_ENDED: pumped,
    PROBE_LATE: { to: "watching" },
    CALL_FAILED: pumped,
    STOP: "ignored",
  },
  watching: deaf,
};

const firstTakes = {
  when: {
    "an order waits and the circuit is closed": { to: "committing" },
    "an order waits, the circuit is open, the overflow is ready": "ignored",
    otherwise: "ignored",
  },
} as const;

const secondTakes = {
  when: {
    "an order waits and the circuit is closed": "ignored",
    "an order waits and the first lane is busy": { to: "committing" },
    otherwise: "ignored",
  },
} as const;

const first: RegionTable<"lanes.first"> = {
  resting: { ...deaf, PUMP: firstTakes, PROBE_LATE: firstTakes },
  committing: deaf,
  pausing: deaf,
};

const second: RegionTable<"lanes.second"> = {
  resting: { ...deaf, PUMP: secondTakes, PROBE_LATE: secondTakes },
  committing: deaf,
  pausing: deaf,
};

/** One entry for each region of the machine, so that a new region does not compile without one. */
const regions: Readonly<Record<keyof Regions, Region>> = {
  circuit: regionOf("circuit", circuit, {
    closed: bring.started,
    open: bring.circuitOpen,
    "half_open.probing": bring.probing,
  }),
  overflow: regionOf("overflow", overflow, {
    resting: bring.started,
    spilling: bring.spilling,
    pausing: bring.overflowPausing,
  }),
  intake: regionOf("intake", intake, {
    accepting: bring.started,
    draining: bring.draining,
    stopped: bring.stopped,
  }),
  deadlines: regionOf("deadlines", deadlines, {
    resting: bring.started,
    watching: bring.watching,
  }),
  "lanes.first": regionOf("lanes.first", first, {
    resting: bring.started,
    committing: bring.firstCommitting,
    pausing: bring.firstPausing,
  }),
  "lanes.second": regionOf("lanes.second", second, {
    resting: bring.started,
    committing: bring.secondCommitting,
    pausing: bring.secondPausing,
  }),
};

export const orderWriter: MachinePage = {
  title: "order_writer",
  file: "actors/order_writer/machine.ts",
  about: `The order writer decides the way of the orders in its mailbox.
While the circuit is \`closed\`, two lanes commit batches; otherwise orders go into the overflow or are refused.
Each region reacts to \`CALL_FAILED\` and \`PROBE_LATE\` through the events that the machine
raises after them: \`BATCH_ENDED\`, and \`PUMP\` after \`PROBE_LATE\`.`,
  machine: orderWriterMachine,
  regions: Object.values(regions),
};

function regionOf<Path extends keyof Regions>(
  path: Path,
  table: RegionTable<Path>,
  ways: Stage<Leaf<Regions[Path]>, Event, Case, WriterScene>["bring"],
): Region {
  return region<Leaf<Regions[Path]>, Event, Case, WriterScene>(path, table, {
    bring: ways,
    events,
    cases,
  });
}
