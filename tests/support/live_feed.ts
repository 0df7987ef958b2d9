/**
 * Subscribers to live feeds, as a dashboard is one: what they have seen, and whether any frame was
 * older than one before it.
 */
import type { Snapshot, WeirClient } from "../../client/mod.ts";
import { until } from "./services.ts";

export interface SeenFrame {
  /** `<epoch>:<version>`. */
  readonly id: string;
  readonly snapshot: Snapshot;
}

export class LiveFeed {
  readonly frames: SeenFrame[] = [];
  /** What the connection or the server had to say against it. */
  readonly errors: unknown[] = [];
  readonly #subscription: { unsubscribe(): void };

  constructor(
    api: WeirClient["api"],
    input: { readonly storeId?: string; readonly lastEventId?: string } = {},
  ) {
    this.#subscription = api.dashboard.live.subscribe(input, {
      onData: ({ id, data }) => this.frames.push({ id, snapshot: data }),
      onError: (error) => this.errors.push(error),
    });
  }

  get newest(): SeenFrame | undefined {
    return this.frames.at(-1);
  }

  /** The newest frame, once there is one that `fits`. */
  reaches(fits: (snapshot: Snapshot) => boolean, what = "such a frame"): Promise<SeenFrame> {
    return until(what, () => {
      const { newest } = this;
      return newest !== undefined && fits(newest.snapshot) ? newest : null;
    });
  }

  /** The first frame that is older than the one before it, by (epoch, version); null: none is. */
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
