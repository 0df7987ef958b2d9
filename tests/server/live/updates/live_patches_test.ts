/**
 * `dashboard.livePatches` as the stock client of tRPC gets it, over WebSocket and by events: beside a
 * subscriber of full frames, equal at each frame that both have seen.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  createTRPCClient,
  createWSClient,
  httpSubscriptionLink,
  type TRPCClient,
  TRPCClientError,
  wsLink,
} from "@trpc/client";
import { WebSocket } from "ws";
import type { LiveUpdate } from "../../../../client/contract/live_update.ts";
import type { Snapshot } from "../../../../client/contract/snapshot.ts";
import { applyUpdate, type ShownUpdate } from "../../../../client/live/patch.ts";
import type { AppRouter } from "../../../../client/mod.ts";
import { EventStream } from "../../../support/load/event_stream.ts";
import { anInput } from "../../../support/load/orders.ts";
import { RawSocket } from "../../../support/load/raw_calls.ts";
import { expectError } from "../../../support/load/refusals.ts";
import { KeyedEvents } from "../../../support/load/stock/keyed_events.ts";
import { type InstanceTest, KEY, withInstance } from "../../../support/services/instance.ts";
import { until } from "../../../support/services/services.ts";

const ROUNDS = 25;
const CURRENCIES = ["EUR", "USD", "JPY"];

/** The stock client over each way of subscriptions. */
const WAYS: Readonly<Record<string, (url: string, token: string) => StockClient>> = {
  WebSocket: (url, token) => {
    const client = createWSClient({
      url: `${url.replace("http", "ws")}/trpc`,
      connectionParams: { token },
      WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    });
    const api = createTRPCClient<AppRouter>({ links: [wsLink({ client })] });
    return { api, close: () => client.close() };
  },
  events: (url, token) => {
    KeyedEvents.headers = { authorization: `Bearer ${token}` };
    const link = httpSubscriptionLink<AppRouter, typeof KeyedEvents>({
      url: `${url}/trpc`,
      EventSource: KeyedEvents,
    });
    return { api: createTRPCClient<AppRouter>({ links: [link] }), close: () => Promise.resolve() };
  },
};

interface StockClient {
  readonly api: TRPCClient<AppRouter>;
  close(): Promise<void>;
}

/** A subscriber, and each moment that it has shown. */
class Viewer {
  readonly seen = new Map<string, Snapshot>();
  readonly updates: LiveUpdate[] = [];
  readonly errors: unknown[] = [];
  newest: Snapshot | null = null;
  shown: ShownUpdate | null = null;
  readonly #subscription: { unsubscribe(): void };

  constructor(
    { api }: StockClient,
    procedure: "live" | "livePatches",
    input: { readonly lastEventId?: string; readonly maxFramesPerSecond?: number } = {},
  ) {
    const onError = (error: unknown) => void this.errors.push(error);
    this.#subscription = procedure === "live"
      ? api.dashboard.live.subscribe(input, {
        onData: ({ id, data }) => this.#show(id, data),
        onError,
      })
      : api.dashboard.livePatches.subscribe(input, {
        onData: ({ id, data }) => {
          this.updates.push(data);
          this.shown = applyUpdate(this.shown, data);
          this.#show(id, this.shown.snapshot);
        },
        onError,
      });
  }

  get kinds(): readonly string[] {
    return this.updates.map(({ kind }) => kind);
  }

  end(): void {
    this.#subscription.unsubscribe();
  }

  #show(id: string, snapshot: Snapshot): void {
    const { epoch, version, minute, asOf } = snapshot;
    assertEquals(id, `${epoch}:${version}`);
    this.newest = snapshot;
    this.seen.set(`${id} ${minute} ${asOf}`, snapshot);
  }
}

const ordersIn = (snapshot: Snapshot | null) =>
  snapshot?.currencies.reduce((sum, { today }) => sum + today.orders, 0);

/** Places one order after another. Each is shown by all viewers before the next. */
async function playRounds(
  { api }: InstanceTest,
  viewers: readonly Viewer[],
  rounds = ROUNDS,
): Promise<void> {
  await until("the first frames", () => viewers.every(({ newest }) => newest !== null));
  const before = ordersIn(viewers[0]!.newest) ?? 0;
  for (let round = 1; round <= rounds; round++) {
    const lines = [{ sku: `sku-${round % 4}`, quantity: round, unitPriceMinor: 450 }];
    const currency = CURRENCIES[round % CURRENCIES.length]!;
    await api.orders.place.mutate(anInput({ currency, lines }));
    await until(
      "the order",
      () => viewers.every(({ newest }) => ordersIn(newest) === before + round),
    );
  }
}

/** The fields that two subscribers of one frame have in common. */
function common({ ageMs: _age, source: _source, ...rest }: Snapshot): unknown {
  return rest;
}

for (const [way, open] of Object.entries(WAYS)) {
  Deno.test(`over ${way}, a client of patches shows what a client of full frames shows`, () =>
    withInstance(async (instance) => {
      const client = open(instance.url, KEY);
      const [full, patched] = [new Viewer(client, "live"), new Viewer(client, "livePatches")];
      await playRounds(instance, [full, patched]);
      const both = [...patched.seen].filter(([moment]) => full.seen.has(moment));
      assertGreater(both.length, ROUNDS - 1);
      for (const [moment, snapshot] of both) {
        assertEquals(common(snapshot), common(full.seen.get(moment)!), moment);
      }
      assertEquals(
        patched.updates.map(({ number }) => number),
        patched.updates.map((_, i) => i + 1),
      );
      assertEquals(patched.kinds[0], "full");
      assertGreater(patched.kinds.filter((kind) => kind === "patch").length, ROUNDS - 3);
      assertEquals([full.errors, patched.errors], [[], []]);
      full.end();
      patched.end();
      await client.close();
    }));
}

Deno.test("a subscriber that resumes on another instance begins with a full update, and goes on in patches", () =>
  withInstance(async (instance) => {
    const other = await instance.another();
    const [here, there] = [
      WAYS["WebSocket"]!(instance.url, KEY),
      WAYS["WebSocket"]!(other.url, KEY),
    ];
    const before = new Viewer(here, "livePatches");
    await playRounds(instance, [before], 2);
    const { epoch, version } = before.newest!;
    before.end();
    const resumed = new Viewer(there, "livePatches", { lastEventId: `${epoch}:${version}` });
    await until("the first update", () => resumed.newest !== null);
    assertEquals(common(resumed.newest!), common(before.newest!));
    await playRounds(instance, [resumed], 2);
    assertEquals(resumed.kinds[0], "full");
    assert(resumed.kinds.includes("patch"));
    // Nothing is sent before the instance has reached the floor.
    const ahead = new Viewer(there, "livePatches", { lastEventId: `${epoch}:${version + 9_999}` });
    await playRounds(instance, [resumed], 1);
    assertEquals(ahead.updates, []);
    for (const viewer of [resumed, ahead]) viewer.end();
    await here.close();
    await there.close();
  }));

Deno.test("a revoked key ends its patches with the next frame", () =>
  withInstance(async (instance) => {
    const { token, keyId } = await instance.createKey(["dashboard:read"]);
    const client = WAYS["WebSocket"]!(instance.url, token);
    const viewer = new Viewer(client, "livePatches");
    await playRounds(instance, [viewer], 1);
    await instance.revokeKey(keyId);
    await until("the end", async () => {
      await instance.api.orders.place.mutate(anInput());
      return viewer.errors.length > 0;
    });
    const [error] = viewer.errors;
    assert(error instanceof TRPCClientError);
    expectError(error.shape, "unauthenticated");
    viewer.end();
    await client.close();
  }));

Deno.test("updates past tRPC and through it are the same, full ones and patches", () =>
  withInstance(async ({ url, api }) => {
    const socket = await RawSocket.open(url, KEY);
    const params = { path: "dashboard.livePatches", input: {} };
    socket.send({ id: 1, method: "subscription", params });
    // A message of JSON-RPC gets its values by tRPC itself.
    socket.send({ id: 2, jsonrpc: "2.0", method: "subscription", params });
    const [past, through] = [1, 2].map((id) => () => updatesOf(socket, id)) as [
      () => LiveUpdate[],
      () => LiveUpdate[],
    ];
    const show = (orders: number) =>
      until("the order", () =>
        [past, through].every((updates) => {
          const shown = updates().reduce<ShownUpdate | null>(applyUpdate, null);
          return ordersIn(shown?.snapshot ?? null) === orders;
        }));
    await show(0);
    for (let orders = 1; orders <= 5; orders++) {
      await api.orders.place.mutate(anInput());
      await show(orders);
    }
    assertEquals(past().map(withoutOwn), through().map(withoutOwn));
    assert(past().some(({ kind }) => kind === "patch"));
    await socket.close();
  }));

function updatesOf(socket: RawSocket, id: number): LiveUpdate[] {
  return socket.messages.filter((message) => message.id === id).flatMap(({ result }) => {
    const update = (result?.data as { data?: LiveUpdate } | undefined)?.data;
    return update === undefined ? [] : [update];
  });
}

/** The update without the fields that are each subscriber's own. */
function withoutOwn(update: LiveUpdate): unknown {
  if (update.kind === "full") return { ...update, snapshot: common(update.snapshot) };
  const { ageMs: _age, source: _source, ...patch } = update.patch;
  return { ...update, patch };
}

Deno.test("a subscriber that wants few frames gets its first at once, and holds up no other of its connection", () =>
  withInstance(async (instance) => {
    const client = WAYS["WebSocket"]!(instance.url, KEY);
    const rare = new Viewer(client, "livePatches", { maxFramesPerSecond: 0.1 });
    await until("the first update", () => rare.newest !== null);
    const quick = new Viewer(client, "livePatches");
    await playRounds(instance, [quick], 5);
    assertEquals(rare.kinds, ["full"]);
    rare.end();
    await playRounds(instance, [quick], 2);
    quick.end();
    await until(
      "everyone to be gone",
      async () => (await instance.api.ops.status.query()).live.subscribers === 0,
    );
    await client.close();
  }));

Deno.test("a rate that is none is refused before anything is watched", () =>
  withInstance(async ({ url }) => {
    for (const procedure of ["dashboard.live", "dashboard.livePatches"]) {
      for (const maxFramesPerSecond of [0, 61, "2"]) {
        const stream = await EventStream.open(url, procedure, {
          token: KEY,
          input: { maxFramesPerSecond },
        });
        await stream.next();
        expectError((await stream.next())?.data, "invalid_input");
        await stream.close();
      }
    }
  }));
