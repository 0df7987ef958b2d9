/** Event streams of REST: the first event, resuming, the end, and refusals before and after. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Snapshot } from "../../../../client/contract/snapshot.ts";
import { anInput } from "../../../support/load/orders.ts";
import { authorization } from "../../../support/load/raw_calls.ts";
import { Description } from "../../../support/rest/description.ts";
import { EventReader, type RestEvent } from "../../../support/rest/event_reader.ts";
import { type InstanceTest, KEY, withInstance } from "../../../support/services/instance.ts";
import { until } from "../../../support/services/services.ts";

const LIVE = "/api/v1/stores/berlin/figures/live";

function ask(url: string, path: string, headers: Record<string, string> = {}, token = KEY) {
  return fetch(`${url}${path}`, { headers: { ...authorization(token), ...headers } });
}

async function open(url: string, path: string, headers: Record<string, string> = {}, token = KEY) {
  const response = await ask(url, path, headers, token);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  return new EventReader(response);
}

const ordersIn = (snapshot: Snapshot) => snapshot.currencies[0]?.today.orders ?? 0;

Deno.test("live figures over REST follow each order, and go on behind the last event", () =>
  withInstance(async ({ url, api }) => {
    const described = await Description.of(url);
    const place = () => api.orders.place.mutate(anInput({ storeId: "berlin" }));
    const stream = await open(url, LIVE);
    await place();
    let last = await stream.next();
    for (; ordersIn(last.data as Snapshot) < 1; last = await stream.next()) {
      described.checkEvent("watchStoreFigures", last.data);
    }
    const { epoch, version } = last.data as Snapshot;
    assertEquals(last.id, `${epoch}:${version}`);
    await stream.close();

    const resumed = await open(url, LIVE, { "last-event-id": last.id! });
    assertEquals((await resumed.next()).id, last.id, "the first frame is a full one");
    await place();
    let next = await resumed.next();
    while (ordersIn(next.data as Snapshot) < 2) next = await resumed.next();
    assert((next.data as Snapshot).version > version);
    await resumed.close();
  }));

Deno.test("a stream that is resumed ahead of the instance begins, and has no event before its turn", () =>
  withInstance(async ({ url }) => {
    const first = await open(url, LIVE);
    const { epoch, version } = (await first.next()).data as Snapshot;
    await first.close();
    const ahead = await open(url, LIVE, { "last-event-id": `${epoch}:${version + 1_000}` });
    assertEquals(await Promise.race([ahead.next(), ahead.comment()]), "comment");
    await ahead.close();
  }, { keepAliveMs: 200 }));

Deno.test("the status of an order is an event each, and the stream says that it ends", () =>
  withInstance(async ({ url, api }) => {
    const described = await Description.of(url);
    const { orderId } = await api.orders.place.mutate(anInput({ storeId: "berlin" }));
    const stream = await open(url, `/api/v1/stores/berlin/orders/${orderId}/status`);
    const status = await stream.next();
    described.checkEvent("watchOrderStatus", status.data);
    assertEquals(status.data, { status: "committed" });
    assertEquals((await stream.next()).event, "end");
    assertEquals(await stream.rest(), "");
  }));

Deno.test("a stream that is refused is an answer with its status", () =>
  withInstance(async ({ url, createKey }) => {
    const described = await Description.of(url);
    const ofParis = (await createKey(["dashboard:read", "orders:read"], "paris")).token;
    const unknown = `/api/v1/stores/berlin/orders/${crypto.randomUUID()}/status`;
    const calls: [string, string, Record<string, string>, string, number][] = [
      ["watchStoreFigures", LIVE, {}, ofParis, 403],
      ["watchFigures", "/api/v1/figures/live", {}, ofParis, 403],
      ["watchStatus", "/api/v1/status/live", {}, ofParis, 403],
      ["watchStoreFigures", LIVE, { "last-event-id": "nonsense" }, KEY, 400],
      ["watchStoreFigures", `${LIVE}?a=1`, {}, KEY, 400],
      ["watchStatus", "/api/v1/status/live?a=1", {}, KEY, 400],
      ["watchOrderStatus", unknown, {}, KEY, 404],
      ["watchFigures", "/api/v1/figures/live", {}, "weir_wrong", 401],
    ];
    for (const [operation, path, headers, token, status] of calls) {
      const response = await ask(url, path, headers, token);
      const text = await response.text();
      assertEquals(response.status, status, text);
      described.check(operation, {
        status,
        headers: response.headers,
        text,
        body: JSON.parse(text),
      });
    }
  }));

Deno.test("a key that is revoked ends its stream with a problem", () =>
  withInstance(async ({ url, api, createKey, revokeKey }) => {
    const { token, keyId } = await createKey(["dashboard:read"]);
    const stream = await open(url, LIVE, {}, token);
    await stream.next();
    await revokeKey(keyId);
    let event: RestEvent;
    do {
      await api.orders.place.mutate(anInput({ storeId: "berlin" }));
      event = await stream.next();
    } while (event.event === "");
    assertEquals(event.event, "problem");
    assertEquals((event.data as { reason: string }).reason, "unauthenticated");
    assertEquals(await stream.rest(), "");
  }));

Deno.test("a stream of an instance that stops is cut without an end, so that its reader comes back", () =>
  withInstance(async (instance: InstanceTest) => {
    const stream = await open(instance.url, "/api/v1/status/live");
    await stream.next();
    await instance.instance.stop();
    assertMatch(await stream.rest(), /^(?![^]*event: (end|problem))/);
  }));

Deno.test("a reader who leaves gives the places of its streams back", () =>
  withInstance(async ({ url }) => {
    const subscribers = async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/^weir_live_subscribers (\d+)$/m.exec(text)?.[1]);
    };
    const streams = await Promise.all(Array.from({ length: 5 }, () => open(url, LIVE)));
    for (const stream of streams) await stream.next();
    await until("five subscribers", async () => await subscribers() === 5);
    for (const stream of streams) await stream.close();
    await until("no subscriber", async () => await subscribers() === 0);
  }));
