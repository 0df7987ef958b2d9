/**
 * Frames nearly as large as they may be, because they have many currencies and long names of
 * products; and a subscriber that reads them. Tests of slow readers need both.
 */
import currencies from "currency-codes";
import { assert, assertEquals } from "@std/assert";
import type { TestInstance } from "../../services/instance.ts";
import { LiveFeed } from "../live_feed.ts";
import { anInput } from "../orders.ts";
import { request } from "../raw_calls.ts";
import { until } from "../../services/services.ts";

/** Currencies of the library that the service uses, too. Many of them make a large frame. */
const CODES = currencies.codes().slice(0, 150);

/** An instance, in this process or in one of its own. */
export type Served = Pick<TestInstance, "url" | "api">;

/** The value of a metric without labels. */
export async function metric({ url }: Served, name: string): Promise<number> {
  const { text } = await request(`${url}/metrics`);
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? NaN);
}

/** Bytes that an instance keeps for clients that have not read them. */
export const unreadBytes = (instance: Served) => metric(instance, "weir_unread_bytes");
/** The number of subscriptions that an instance serves. */
export const subscribers = (instance: Served) => metric(instance, "weir_live_subscribers");

/** The lines of an order with ten products, whose names are as long as they may be. */
const lines = Array.from({ length: 10 }, (_, index) => ({
  sku: `${index}`.padEnd(64, "貨"),
  quantity: 1,
  unitPriceMinor: 100,
}));

/** Places an order in each currency, so that a frame has about 200 kB. */
export async function makeFramesLarge({ api }: Served): Promise<void> {
  const { results } = await api.orders.placeMany.mutate({
    orders: CODES.map((currency) => anInput({ currency, lines })),
  });
  assert(results.every(({ ok }) => ok));
}

/** A subscriber that reads, and keeps only the newest frame. */
export class Quick {
  readonly #feed: LiveFeed;
  /** The longest time until an order was seen. */
  slowestMs = 0;

  constructor(readonly instance: Served) {
    this.#feed = new LiveFeed(instance.api);
  }

  async begins(): Promise<void> {
    await this.#feed.reaches(({ currencies }) => currencies.length === CODES.length);
  }

  /** Places an order and waits for its frame, the next version. @returns the id of the frame */
  async round(): Promise<string> {
    const { version } = this.#feed.newest!.snapshot;
    const begunAt = performance.now();
    await this.instance.api.orders.place.mutate(anInput());
    const { id, snapshot } = await this.#feed.reaches((snapshot) => snapshot.version > version);
    this.slowestMs = Math.max(this.slowestMs, performance.now() - begunAt);
    assertEquals(snapshot.version, version + 1);
    assertEquals([this.#feed.wentBack(), this.#feed.errors], [null, []]);
    this.#feed.frames.splice(0, this.#feed.frames.length - 1);
    return id;
  }

  end(): void {
    this.#feed.end();
  }
}

/** Does rounds until at least as many frames are skipped as there are slow readers. */
export async function fill(instance: Served, quick: Quick, readers = 1): Promise<void> {
  await until("the connections of the readers to be full", async () => {
    await quick.round();
    return await metric(instance, "weir_live_skipped_frames_total") >= readers;
  }, 60_000);
}

export async function everyoneIsGone(instance: Served): Promise<void> {
  await until("all subscribers to be gone", async () => await subscribers(instance) === 0);
}
