/**
 * An audience: subscribers of dashboards, by the stock client over WebSocket, or by SSE. Each one
 * resumes from its last frame when its connection is lost. Every frame is kept.
 *
 * Figures that many subscribers were shown are kept once, so that tens of thousands of frames fit.
 */
import { assert } from "@std/assert";
import type { Snapshot } from "../../../client/mod.ts";
import { createTestClient, KEY } from "../services/instance.ts";
import { LiveFeed, StreamedFeed } from "./live_feed.ts";
import { until } from "../services/services.ts";

/** Figures that a subscriber was shown. */
export interface SeenFigures {
  readonly scope: string;
  readonly version: number;
  readonly minute: string;
  /** The latest `asOf` that was shown with these figures. */
  asOf: string;
  /** As JSON. */
  readonly currencies: string;
}

interface KeptFrame {
  readonly epoch: number;
  readonly version: number;
  readonly figures: SeenFigures;
}

export class Member {
  readonly frames: KeptFrame[] = [];

  constructor(readonly name: string, readonly scope: string) {}

  get newest(): KeptFrame | undefined {
    return this.frames.at(-1);
  }
}

export type Transport = "WebSocket" | "SSE";

export class Audience {
  readonly members: Member[] = [];
  readonly #misled: unknown[] = [];
  readonly #feeds: LiveFeed[] = [];
  readonly #seen = new Map<string, SeenFigures>();
  readonly #leaving: (() => Promise<void>)[] = [];

  /** Adds a subscriber, by way of `url`. */
  join(url: string, scope: string, transport: Transport): void {
    const member = new Member(`${transport} subscriber ${this.members.length} of ${scope}`, scope);
    this.members.push(member);
    const see = (id: string, snapshot: Snapshot) => this.#see(member, id, snapshot);
    const input = scope === "*" ? {} : { storeId: scope };
    if (transport === "SSE") {
      const feed = new StreamedFeed(url, input, see);
      this.#leaving.push(() => feed.end());
      return;
    }
    const client = createTestClient(url, KEY);
    const feed = new LiveFeed(client.api, input, see);
    this.#feeds.push(feed);
    this.#leaving.push(() => {
      feed.end();
      return client.close();
    });
  }

  /** Errors of the subscriptions, and frames that came under a wrong id or scope. */
  get errors(): unknown[] {
    return [...this.#misled, ...this.#feeds.flatMap(({ errors }) => errors)];
  }

  /** All figures that subscribers were shown, each once. */
  get seen(): SeenFigures[] {
    return [...this.#seen.values()];
  }

  /** The epochs of all frames. */
  get epochs(): number[] {
    const frames = this.members.flatMap((member) => member.frames);
    return [...new Set(frames.map(({ epoch }) => epoch))];
  }

  get frames(): number {
    return this.members.reduce((total, { frames }) => total + frames.length, 0);
  }

  /** Resolves when each member, or each of `members`, has a frame that fits. */
  async everyone(
    fits: (frame: KeptFrame, member: Member) => boolean,
    what: string,
    { members = this.members, timeoutMs }: { members?: readonly Member[]; timeoutMs?: number } = {},
  ): Promise<void> {
    let missing: string[] = [];
    const check = () => {
      missing = members.filter((member) =>
        member.newest === undefined || !fits(member.newest, member)
      ).map(({ name, newest }) => `${name}, at ${newest?.version}`);
      return missing.length === 0;
    };
    await until(what, check, timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}; missing: ${missing.join("; ")}`);
    });
  }

  /** @throws AssertionError when a member was shown an older (epoch, version) than before. */
  expectForward(): void {
    for (const { name, frames } of this.members) {
      for (const [index, frame] of frames.entries()) {
        const before = frames[index - 1];
        if (before === undefined) continue;
        const order = frame.epoch - before.epoch || frame.version - before.version;
        assert(
          order >= 0,
          `${name} went back from ${before.epoch}:${before.version} ` +
            `to ${frame.epoch}:${frame.version}`,
        );
      }
    }
  }

  async leave(): Promise<void> {
    await Promise.all(this.#leaving.splice(0).map((leave) => leave()));
  }

  #see(member: Member, id: string, snapshot: Snapshot): void {
    const { scope, epoch, version, minute, asOf } = snapshot;
    if (id !== `${epoch}:${version}` || scope !== member.scope) {
      this.#misled.push(new Error(`${member.name} was sent ${scope} ${epoch}:${version} as ${id}`));
    }
    const currencies = JSON.stringify(snapshot.currencies);
    const key = [epoch, version, scope, minute, currencies].join(" ");
    const figures = this.#seen.get(key) ?? { scope, version, minute, asOf, currencies };
    this.#seen.set(key, figures);
    if (asOf > figures.asOf) figures.asOf = asOf;
    member.frames.push({ epoch, version, figures });
  }
}
