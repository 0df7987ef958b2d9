import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { frameBytes, FramePace } from "../../../server/live/frame_pace.ts";
import { currenciesOf, figuresAt } from "../../support/recount/figures.ts";
import { settlesWithin } from "../../../sql/waiting.ts";

const figuresOf = (count: number) => figuresAt(0, 1, { currencies: currenciesOf(count) });

Deno.test("frameBytes() comes near the bytes of the JSON", () => {
  for (const count of [1, 40]) {
    const figures = figuresOf(count);
    const bytes = JSON.stringify(figures.currencies).length;
    assertGreater(frameBytes(figures), 0.7 * bytes);
    assertLess(frameBytes(figures), 1.5 * bytes);
  }
});

Deno.test("FramePace delays nothing after a usual frame, and the next read after a large one", async () => {
  const pace = new FramePace();
  /** True when a frame may be read at once. */
  const isDue = async () => {
    let due = false;
    const waiting = pace.due().then(() => due = true);
    await Promise.resolve();
    await Promise.resolve();
    const atOnce = due;
    await waiting;
    return atOnce;
  };
  pace.sent(figuresOf(3));
  assertEquals(await isDue(), true);
  pace.sent(figuresOf(16));
  assertEquals([await isDue(), await isDue()], [false, true]);
});

Deno.test("FramePace ends its wait when the feed stops", async () => {
  const pace = new FramePace();
  pace.sent(figuresOf(5_000));
  const due = pace.due();
  pace.stop();
  assertEquals(await settlesWithin(5_000, due), true);
});

Deno.test("FramePace gives a usual frame to all at once, and a large one to everybody once, in groups of four", () => {
  const viewers = Array.from({ length: 10 }, (_, index) => index);
  const pace = new FramePace();
  assertEquals(pace.groupsOf(viewers, figuresOf(3)), [viewers]);
  assertEquals(pace.isDue, true);
  assertEquals(pace.groupsOf(viewers, figuresOf(16)), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
  assertEquals(pace.isDue, false, "the next read waits for all groups");
});
