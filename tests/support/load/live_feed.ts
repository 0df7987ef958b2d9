/**
 * Subscribers to live feeds, as a dashboard is one. They keep the frames that they have seen, and
 * tell whether a frame was older than the one before it.
 */
import type { Snapshot, WeirClient } from "../../../client/mod.ts";
import { EventStream } from "./event_stream.ts";
import { KEY } from "../services/instance.ts";
import { until } from "../services/services.ts";

export interface SeenFrame {
  /** `<epoch>:<version>`. */
  readonly id: string;
  readonly snapshot: Snapshot;
}

/** The number of orders in a frame. After midnight, orders of the day before are in the last hour. */
export function ordersOf({ currencies }: Snapshot): number {
  return currencies.reduce(
    (sum, { today, last60m }) => sum + Math.max(today.orders, last60m.orders),
    0,
  );
}

export class LiveFeed {
  readonly frames: SeenFrame[] = [];
  /** Errors of the connection and of the server. */
  readonly errors: unknown[] = [];
  readonly #subscription: { unsubscribe(): void };

  constructor(
    api: WeirClient["api"],
    input: { readonly storeId?: string; readonly lastEventId?: string } = {},
    /** Called with each frame. Default: the frame is kept. */
    see = (id: string, snapshot: Snapshot): void => void this.frames.push({ id, snapshot }),
  ) {
    this.#subscription = api.dashboard.live.subscribe(input, {
      onData: ({ id, data }) => see(id, data),
      onError: (error) => this.errors.push(error),
    });
  }

  get newest(): SeenFrame | undefined {
    return this.frames.at(-1);
  }

  /** Resolves with the newest frame, once it `fits`. */
  reaches(fits: (snapshot: Snapshot) => boolean, what = "such a frame"): Promise<SeenFrame> {
    return until(what, () => {
      const { newest } = this;
      return newest !== undefined && fits(newest.snapshot) ? newest : null;
    });
  }

  /** The first frame with an older (epoch, version) than the one before it; null: there is none. */
  wentBack(): { readonly from: string; readonly to: string } | null {
    for (const [index, { id, snapshot }] of this.frames.entries()) {
      const before = this.frames[index - 1];
      if (before === undefined) continue;
      const { epoch, version } = before.snapshot;
      const older = snapshot.epoch < epoch ||
        (snapshot.epoch === epoch && snapshot.version < version);
      if (older) return { from: before.id, to: id };
    }
    return null;
  }

  end(): void {
    this.#subscription.unsubscribe();
  }
}

const RECONNECT_AFTER_MS = 100;

/** The same over SSE. It resumes from its last frame whenever the stream ends. */
export class StreamedFeed {
  #stream: EventStream | null = null;
  #ended = false;
  readonly #watching: Promise<void>;

  constructor(
    readonly url: string,
    readonly input: { readonly storeId?: string },
    readonly see: (id: string, snapshot: Snapshot) => void,
  ) {
    this.#watching = this.#watch();
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#close();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    let lastEventId: string | undefined;
    while (!this.#ended) {
      try {
        const resumed = lastEventId === undefined ? {} : { lastEventId };
        const options = { input: this.input, token: KEY, ...resumed };
        this.#stream = await EventStream.open(this.url, "dashboard.live", options);
        if (this.#ended) break;
        for await (const { id, snapshot } of framesOf(this.#stream)) {
          lastEventId = id;
          this.see(id, snapshot);
        }
      } catch {
        // The instance is gone. The next attempt finds another one.
      }
      await this.#close();
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_AFTER_MS));
    }
    await this.#close();
  }

  async #close(): Promise<void> {
    await this.#stream?.close().catch(() => undefined);
    this.#stream = null;
  }
}

async function* framesOf(stream: EventStream): AsyncGenerator<SeenFrame> {
  for (let next = await stream.next(); next !== null; next = await stream.next()) {
    if (next.id !== null) yield { id: next.id, snapshot: next.data as Snapshot };
  }
}
