/**
 * Ten thousand random lives of two subscribers: folds, minutes, days, epochs, a database that goes and
 * comes, skipped frames, reconnects and long pauses. After each update a client shows exactly the
 * frame that was sent. The updates pass through the bytes of a connection.
 *
 * A failure prints the seed and the path of its life.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import type { LiveUpdate } from "../../../../client/contract/live_update.ts";
import { applyUpdate, type ShownUpdate } from "../../../../client/live/patch.ts";
import { eventText } from "../../../../server/front/frames/frame_text.ts";
import { LiveUpdates, LOOK_EVERY_MS } from "../../../../server/live/updates/live_updates.ts";
import {
  FiguresWorld,
  type WorldOrder,
  worldOrder,
} from "../../../support/doubles/figures_world.ts";

const SEED = 20_261_128;
const LIVES = 10_000;
const SUBSCRIBERS = 2;
const DAY_MINUTES = 24 * 60;

/** A step of the world, and the subscribers that then take a frame or have connected anew. */
interface Step {
  readonly change:
    | { readonly kind: "fold"; readonly orders: readonly WorldOrder[] }
    | { readonly kind: "pass"; readonly minutes: number }
    | { readonly kind: "epoch" | "stale" | "read" | "pause" };
  readonly takes: readonly boolean[];
  readonly reconnects: number;
}

const fold = fc.record({
  kind: fc.constant("fold" as const),
  orders: fc.array(worldOrder, { minLength: 1, maxLength: 3 }),
});
const step: fc.Arbitrary<Step> = fc.record({
  change: fc.oneof(
    { arbitrary: fold, weight: 6 },
    {
      arbitrary: fc.record({
        kind: fc.constant("pass" as const),
        minutes: fc.constantFrom(1, 1, 1, 2, 61, DAY_MINUTES),
      }),
      weight: 3,
    },
    {
      arbitrary: fc.record({ kind: fc.constantFrom("epoch", "stale", "read", "pause") }),
      weight: 2,
    },
  ) as fc.Arbitrary<Step["change"]>,
  takes: fc.tuple(fc.boolean(), fc.constantFrom(true, true, false)),
  /** The subscriber with this number; most numbers are of none. */
  reconnects: fc.nat(20),
});

class Viewer {
  updates = new LiveUpdates();
  shown: ShownUpdate | null = null;

  reconnect(): void {
    this.updates[Symbol.dispose]();
    this.updates = new LiveUpdates();
  }

  /** Takes the frame of now, and shows it. @returns the kind of its update */
  take(world: FiguresWorld, ageMs: number): LiveUpdate["kind"] {
    const frame = world.frame(ageMs);
    const sent = overTheWire(this.updates.next(frame));
    this.shown = applyUpdate(sent.number === 1 ? null : this.shown, sent);
    const isSame = JSON.stringify(this.shown.snapshot) === JSON.stringify(frame);
    if (!isSame) assertEquals(this.shown.snapshot, frame);
    return sent.kind;
  }
}

function overTheWire(data: LiveUpdate): LiveUpdate {
  const text = new TextDecoder().decode(eventText({ eventId: "1:2", data }));
  return JSON.parse(text.slice("data: ".length, text.indexOf("\nid: ")));
}

function change(world: FiguresWorld, { change }: Step, time: FakeTime): void {
  if (change.kind === "fold") world.fold(change.orders);
  else if (change.kind === "pass") world.pass(change.minutes);
  else if (change.kind === "epoch") world.rebuild();
  else if (change.kind === "stale") world.turnStale();
  else if (change.kind === "read") world.read();
  else time.tick(2 * LOOK_EVERY_MS);
}

Deno.test(`a client of patches shows every frame that it is sent, in ${LIVES} random lives`, () => {
  using time = new FakeTime();
  const kinds: Record<LiveUpdate["kind"], number> = { full: 0, patch: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
      const world = new FiguresWorld();
      const viewers = Array.from({ length: SUBSCRIBERS }, () => new Viewer());
      for (const [index, one] of steps.entries()) {
        change(world, one, time);
        viewers[one.reconnects]?.reconnect();
        for (const [number, viewer] of viewers.entries()) {
          if (one.takes[number] === true) kinds[viewer.take(world, index + number)]++;
        }
      }
      for (const { updates } of viewers) updates[Symbol.dispose]();
    }),
    { seed: SEED, numRuns: LIVES },
  );
  console.info(`${kinds.patch} patches and ${kinds.full} full frames`);
  assertGreater(kinds.patch, LIVES, "most updates are patches");
  assert(kinds.full > LIVES);
});
