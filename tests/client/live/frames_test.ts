/** The frames of the client's live figures, against a real instance and against a broken one. */
import { assertEquals } from "@std/assert";
import type { LiveUpdate, Snapshot } from "../../../client/mod.ts";
import { framesOf } from "../../../client/live/frames.ts";
import { UnfitPatch } from "../../../client/live/patch.ts";
import { anInput } from "../../support/load/orders.ts";
import { withInstance } from "../../support/services/instance.ts";
import { until } from "../../support/services/services.ts";

Deno.test("frames that come as patches are the snapshots of the server", () =>
  withInstance(async ({ api }) => {
    const frames: { id: string; snapshot: Snapshot }[] = [];
    const ignore = () => undefined;
    const handlers = { onLost: ignore, onError: ignore, onComplete: ignore };
    const end = framesOf(api.dashboard.livePatches, { storeId: "store-1" }, () => null)(null, {
      ...handlers,
      onSnapshot: (snapshot, id) => frames.push({ id, snapshot }),
    });
    for (let orders = 1; orders <= 5; orders++) {
      await api.orders.place.mutate(anInput({ currency: orders % 2 === 0 ? "EUR" : "JPY" }));
      const { currencies, version } = await until("the order in a frame", () => {
        const { snapshot } = frames.at(-1) ?? {};
        const shown = snapshot?.currencies.reduce((sum, { today }) => sum + today.orders, 0);
        return shown === orders ? snapshot : null;
      });
      const asked = await api.dashboard.snapshot.query({ storeId: "store-1" });
      assertEquals([currencies, version], [asked.currencies, asked.version]);
      assertEquals(frames.at(-1)?.id, `${asked.epoch}:${asked.version}`);
    }
    end();
  }));

Deno.test("a patch that does not fit ends the subscription, and is told as a failure", () => {
  const told: unknown[] = [];
  let onData: (update: { id: string; data: LiveUpdate }) => void = () => undefined;
  let isOpen = true;
  const livePatches = {
    subscribe: (_input: unknown, handlers: { onData: typeof onData }) => {
      onData = handlers.onData;
      return { unsubscribe: () => isOpen = false };
    },
  } as unknown as Parameters<typeof framesOf>[0];
  framesOf(livePatches, {}, () => null)(null, {
    onSnapshot: () => told.push("a snapshot"),
    onLost: () => told.push("lost"),
    onError: (error) => told.push((error as Error).cause),
    onComplete: () => told.push("complete"),
  });
  onData({ id: "1:2", data: { kind: "patch", number: 7, base: 6, patch: { ageMs: 1 } } });
  assertEquals([told.length, told[0] instanceof UnfitPatch, isOpen], [1, true, false]);
});
