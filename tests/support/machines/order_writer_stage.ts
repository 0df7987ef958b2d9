/**
 * The stage for the order writer's tables: its machine over a scripted store and overflow, brought
 * into each state by events and simulated time.
 */
import { createActor } from "xstate";
import type { OrderWriterEvent } from "../../../actors/order_writer/behaviour.ts";
import { orderWriterMachine } from "../../../actors/order_writer/machine.ts";
import { Mailbox } from "../../../actors/order_writer/mailbox/mailbox.ts";
import * as refusals from "../../../actors/order_writer/order_refusals.ts";
import { Pace } from "../../../actors/order_writer/pace.ts";
import { SlidingWindow } from "../../../actors/order_writer/sliding_window.ts";
import type { Failure } from "../../../sql/connection/failure.ts";
import { ScriptedOverflow } from "../doubles/scripted_overflow.ts";
import { ScriptedStore, socketError } from "../doubles/scripted_store.ts";
import { anOrder } from "../load/orders.ts";
import { forever, Scene } from "./scene.ts";

export type Case =
  | "an order waits and the circuit is closed"
  | "an order waits and the first lane is busy"
  | "an order waits, the circuit is open, the overflow is ready"
  | "no order is left"
  | "the circuit is open"
  | "the window is bad";

const MIN_CALLS = 5;
/** Longer than deadlines are watched without an order, shorter than the circuit stays open. */
const QUIET_MS = 50;
const FIRST_OPEN_MS = 500;
const FAILURE: Failure = {
  kind: "infrastructure",
  outcome: "none",
  code: "ECONNREFUSED",
  timedOut: false,
};

export const events = {
  PUMP: () => ({ type: "PUMP" }),
  BATCH_ENDED: () => ({ type: "BATCH_ENDED" }),
  PROBE_LATE: () => ({
    type: "PROBE_LATE",
    report: {
      orders: 0,
      newOrders: 0,
      commitMs: 1,
      longestCallMs: 1,
      failure: null,
      notParked: [],
    },
  }),
  CALL_FAILED: () => ({ type: "CALL_FAILED", failure: FAILURE }),
  STOP: () => ({ type: "STOP", timeoutMs: 1_000 }),
} as const satisfies { [Type in OrderWriterEvent["type"]]: () => OrderWriterEvent };

export const cases: Readonly<Record<Case, (scene: WriterScene) => void | Promise<void>>> = {
  "an order waits and the circuit is closed": (scene) => scene.offer(),
  "an order waits and the first lane is busy": (scene) => {
    scene.offer();
    scene.send({ type: "PUMP" });
    scene.offer();
  },
  "an order waits, the circuit is open, the overflow is ready": async (scene) => {
    await scene.openCircuit();
    scene.overflow.ready = true;
    scene.offer();
  },
  "no order is left": ({ mailbox }) => {
    mailbox.dismissAll(() => ({ ok: false, refusal: refusals.DRAINING }));
  },
  "the circuit is open": (scene) => scene.openCircuit(),
  "the window is bad": ({ window, clock }) => {
    for (let call = 0; call < MIN_CALLS; call++) window.record(clock.now(), 0, "failed");
  },
};

export class WriterScene extends Scene {
  readonly mailbox: Mailbox;
  readonly window: SlidingWindow;

  constructor(readonly store = storeThatHangs(), readonly overflow = notReady()) {
    const mailbox = new Mailbox({ maxOrders: 100, maxBytes: 1 << 20 });
    const window = new SlidingWindow({
      maxCalls: 20,
      maxAgeMs: 10_000,
      minCalls: MIN_CALLS,
      failureRate: 0.5,
      slowCallMs: 800,
      slowCallRate: 0.8,
    });
    super(({ clock, inspect }) =>
      createActor(orderWriterMachine, {
        clock,
        inspect,
        input: {
          mailbox,
          pace: new Pace(2, clock.now),
          store,
          overflow,
          window,
          maxBatchOrders: 100,
          probes: 2,
          probeTimeoutMs: 1_000,
          answerTimeoutMs: 1_000,
          openBackoff: { firstMs: FIRST_OPEN_MS, maxMs: 10_000 },
          retryBackoff: { firstMs: 20, maxMs: 1_000 },
          now: clock.now,
          random: () => 0.999,
          onBatch: () => undefined,
        },
      })
    );
    this.mailbox = mailbox;
    this.window = window;
  }

  /** Puts an order into the mailbox, and sends the machine no event. */
  offer(): void {
    const deadlineAt = this.clock.now() + 60_000;
    const order = { order: anOrder(), deadlineAt, answer: () => undefined, maybeStored: false };
    this.mailbox.offer(order, () => ({ ok: false, refusal: refusals.DRAINING }));
  }

  /** Opens the circuit, and waits until no other region has anything to do. */
  async openCircuit(): Promise<void> {
    cases["the window is bad"](this);
    this.send({ type: "BATCH_ENDED" });
    await this.clock.advance(QUIET_MS);
  }
}

/** A writer without orders, when its first look at the mailbox is over. */
export async function started(store?: ScriptedStore, overflow?: ScriptedOverflow) {
  const scene = new WriterScene(store, overflow);
  await scene.clock.advance(QUIET_MS);
  return scene;
}

export async function circuitOpen(): Promise<WriterScene> {
  const scene = await started();
  await scene.openCircuit();
  return scene;
}

export async function probing(): Promise<WriterScene> {
  const scene = await circuitOpen();
  await scene.clock.advance(FIRST_OPEN_MS);
  return scene;
}

export function spilling(): Promise<WriterScene> {
  return spillingInto(() => forever());
}

export function overflowPausing(): Promise<WriterScene> {
  return spillingInto(() => Promise.reject(socketError("ECONNRESET")));
}

export async function draining(): Promise<WriterScene> {
  const scene = await started();
  scene.offer();
  scene.send(events.STOP());
  return scene;
}

export async function stopped(): Promise<WriterScene> {
  const scene = await started();
  scene.send(events.STOP());
  return scene;
}

export async function watching(): Promise<WriterScene> {
  const scene = await started();
  scene.send({ type: "PUMP" });
  return scene;
}

export function firstCommitting(): Promise<WriterScene> {
  return committing([() => forever()]);
}

export function firstPausing(): Promise<WriterScene> {
  return committing([fails]);
}

export function secondCommitting(): Promise<WriterScene> {
  return committing([() => forever(), () => forever()]);
}

export function secondPausing(): Promise<WriterScene> {
  return committing([() => forever(), fails]);
}

/** Starts as many batches as there are calls, each on the next lane. */
async function committing(calls: readonly (() => Promise<void>)[]): Promise<WriterScene> {
  const store = new ScriptedStore();
  const left = [...calls];
  store.before = () => left.shift()?.();
  const scene = await started(store);
  for (const _ of calls) {
    scene.offer();
    scene.send({ type: "PUMP" });
  }
  await scene.clock.settle();
  return scene;
}

async function spillingInto(write: () => Promise<void>): Promise<WriterScene> {
  const overflow = new ScriptedOverflow();
  overflow.before = write;
  const scene = await started(undefined, overflow);
  await scene.openCircuit();
  scene.offer();
  scene.send({ type: "PUMP" });
  await scene.clock.settle();
  return scene;
}

function fails(): Promise<void> {
  return Promise.reject(socketError("ECONNREFUSED"));
}

function storeThatHangs(): ScriptedStore {
  const store = new ScriptedStore();
  store.before = () => forever();
  return store;
}

function notReady(): ScriptedOverflow {
  const overflow = new ScriptedOverflow();
  overflow.ready = false;
  return overflow;
}
