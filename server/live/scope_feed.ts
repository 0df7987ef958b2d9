/**
 * The feed of one watched scope: its frame, and all subscribers of the scope.
 *
 * At most one read of the database is under way and one follows it, for any number of subscribers and
 * notices. A request that the frame already answers makes no read.
 */
import type { SnapshotSource } from "../../client/contract/snapshot.ts";
import type { Figures } from "../../sql/figures/snapshots.ts";
import { FramePace, GROUP_EVERY_MS } from "./frame_pace.ts";
import { earlierTime, isAnsweredBy, join, lagsBehind, REREAD } from "./read_request.ts";
import type { ReadRequest } from "./read_request.ts";
import { compareFigures, type Frame } from "./snapshot.ts";
import type { Subscriber } from "./subscriber.ts";

/** Everything that a feed needs from outside. */
export interface FeedReader {
  /** Reads the scope from the database, and keeps its figures. @throws what the driver throws. */
  readAndKeep(scope: string): Promise<Frame>;
  /** The kept frame of the scope, for while the database does not answer; null: none. */
  readKept(scope: string): Promise<Frame | null>;
  /** False when the minute of these figures is over and the database may still answer. */
  mayShow(figures: Figures): boolean;
  /** Once the minute of these figures is over, the feed gets a request for the next minute. */
  awaitNextMinute(figures: Figures): void;
}

/** A first frame waits this long for the database. After that the kept frame will do. */
const READ_TIMEOUT_MS = 500;

export class ScopeFeed {
  readonly #subscribers = new Set<Subscriber>();
  readonly #pace = new FramePace();
  /** Timers of the groups that get a large frame a little later. */
  readonly #offers = new Set<ReturnType<typeof setTimeout>>();
  /** The frame that new subscribers get. It is never replaced by an older one. */
  #frame: Frame | null = null;
  #source: SnapshotSource = "live";
  #reading: Promise<void> | null = null;
  /** The request that the next read must answer; null when the read under way covers everything asked for. */
  #waiting: ReadRequest | null = null;
  /** The request of the latest read, if that read failed or lagged behind the request. */
  #unanswered: ReadRequest | null = null;

  constructor(readonly scope: string, readonly reader: FeedReader) {}

  get frame(): Frame | null {
    return this.#frame;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  /**
   * Adds a subscriber. Its first frame is the one in memory. If that may not be shown, the first frame
   * comes from the read under way, or from one that begins now.
   */
  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    if (this.#frame !== null && this.reader.mayShow(this.#frame.figures)) {
      subscriber.offer({ frame: this.#frame, source: this.#source });
      return;
    }
    if (this.#reading === null) this.request(REREAD);
    const timer = setTimeout(() => this.#useKept(), READ_TIMEOUT_MS);
    this.#reading?.finally(() => clearTimeout(timer));
  }

  remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** Reads the database, now or after the read under way, unless the frame answers the request. */
  request(request: ReadRequest): void {
    if (this.#frame !== null && isAnsweredBy(request, this.#frame.figures)) return;
    this.#waiting = join(this.#waiting, request);
    this.#reading ??= this.#readWhileAsked();
  }

  /** The regular check was answered: repeats the request that the latest read did not answer. */
  databaseAnswered(): void {
    if (this.#unanswered !== null && this.#reading === null) this.request(this.#unanswered);
  }

  /** The regular check failed: looks in Redis, which may answer by now, if there is no frame. */
  databaseFailed(): void {
    if (this.#frame === null) void this.#useKept();
  }

  /** Sends the frame again when it has become stale. Reads again when the database is back. */
  staleChanged(isStale: boolean): void {
    if (isStale) this.#offer(true);
    else this.request(REREAD);
  }

  /** Ends all subscriptions, and resolves when no read is under way. */
  async stop(): Promise<void> {
    for (const subscriber of this.#subscribers) subscriber.end();
    this.#pace.stop();
    for (const timer of this.#offers) clearTimeout(timer);
    while (this.#reading !== null) await this.#reading;
  }

  async #readWhileAsked(): Promise<void> {
    while (this.#waiting !== null) {
      if (!this.#pace.isDue) await this.#pace.due();
      const request = join(this.#unanswered, this.#waiting);
      this.#waiting = null;
      try {
        const figures = await this.#read(request);
        // A standby, or a server that was the primary, may lag. The next check repeats the request.
        this.#unanswered = lagsBehind(figures, request) ? request : null;
      } catch {
        this.#unanswered = request; // repeated when a check finds that the database answers
        await this.#showWithoutRead();
      }
    }
    this.#reading = null; // no `await` since the loop's last look, so no request is missed
  }

  async #read(request: ReadRequest): Promise<Figures> {
    const frame = await this.reader.readAndKeep(this.scope);
    this.#pace.sent(frame.figures);
    let { writtenAt } = request;
    if (this.#waiting !== null && isAnsweredBy(this.#waiting, frame.figures)) {
      writtenAt = earlierTime(writtenAt, this.#waiting.writtenAt);
      this.#waiting = null;
    }
    this.#accept({ ...frame, writtenAt }, "live", request.reread);
    this.reader.awaitNextMinute(frame.figures);
    return frame.figures;
  }

  /** The database has failed: shows the kept frame or else the last one, even of a past minute. */
  async #showWithoutRead(): Promise<void> {
    await this.#useKept();
    this.#offer();
  }

  async #useKept(): Promise<void> {
    if (this.#frame !== null && this.reader.mayShow(this.#frame.figures)) return;
    const kept = await this.reader.readKept(this.scope);
    if (kept === null) return;
    const isNewer = this.#frame === null || compareFigures(kept.figures, this.#frame.figures) > 0;
    if (isNewer) this.#accept(kept, "cache", false);
  }

  #accept(frame: Frame, source: SnapshotSource, again: boolean): void {
    const before = this.#frame;
    if (before !== null && compareFigures(frame.figures, before.figures) < 0) {
      if (again) this.#offer(true); // the older frame is not shown, but the database is back
      return;
    }
    this.#frame = frame;
    this.#source = source;
    if (!this.reader.mayShow(frame.figures)) { // the minute ended while the answer was on its way
      if (source === "live") this.request({ ...REREAD, writtenAt: frame.writtenAt });
      return;
    }
    // Subscribers that wait for their first frame get it from the database itself. Later ones get
    // it from memory.
    this.#offer(again, before === null && source === "live" ? "database" : source);
    // The frame loses `writtenAt`, because a later subscriber has not waited since then. Its first
    // frame must not count as an old one.
    if (frame.writtenAt !== null) this.#frame = { ...frame, writtenAt: null };
  }

  #offer(again = false, source = this.#source): void {
    const frame = this.#frame;
    if (frame === null) return;
    const groups = this.#pace.groupsOf([...this.#subscribers], frame.figures);
    for (const [index, group] of groups.entries()) {
      const offer = () => {
        for (const subscriber of group) subscriber.offer({ frame, source }, again);
      };
      if (index === 0) offer();
      else this.#later(offer, index * GROUP_EVERY_MS); // a subscriber takes no older frame by it
    }
  }

  #later(offer: () => void, ms: number): void {
    const timer = setTimeout(() => {
      this.#offers.delete(timer);
      offer();
    }, ms);
    this.#offers.add(timer);
  }
}
