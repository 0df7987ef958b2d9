import { assert, assertEquals } from "@std/assert";
import { KEY, withInstance } from "../../support/services/instance.ts";
import { anInput } from "../../support/load/orders.ts";
import { RawSocket } from "../../support/load/raw_calls.ts";
import { expectError } from "../../support/load/refusals.ts";

const MOST = 100;

Deno.test("a connection has at most 100 streams at once, and one that is stopped makes room", () =>
  withInstance(async ({ url }) => {
    const socket = await RawSocket.open(url, KEY);
    const ids = Array.from({ length: MOST }, () => socket.subscribe("dashboard.live", {}));
    for (const id of ids) {
      await socket.next((message) => message.id === id && message.result?.data !== undefined);
    }
    const tooMany = socket.subscribe("dashboard.live", {});
    expectError((await socket.next(({ id }) => id === tooMany)).error, "rate_limited");
    socket.send({ id: ids[0], method: "subscription.stop" });
    await socket.next(({ id, result }) => id === ids[0] && result?.type === "stopped");
    const again = socket.subscribe("dashboard.live", {});
    const { result } = await socket.next((message) =>
      message.id === again && message.result?.type !== "started"
    );
    assert(result?.data !== undefined);
    await socket.close();
  }));

Deno.test("streams that end by themselves make room, although their connection stays", () =>
  withInstance(async ({ url, api }) => {
    const order = anInput();
    const { orderId } = await api.orders.place.mutate(order);
    const socket = await RawSocket.open(url, KEY);
    for (let count = 0; count < MOST + 20; count++) {
      const id = socket.subscribe("orders.onStatus", { storeId: order.storeId, orderId });
      const last = await socket.next((message) =>
        message.id === id && (message.error !== undefined || message.result?.type === "stopped")
      );
      assertEquals(last.error, undefined);
    }
    await socket.close();
  }));
