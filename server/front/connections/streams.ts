/**
 * Streams: how many subscriptions one connection and one key may have at once. Each costs memory and
 * a frame at each fold, whether its client reads or not.
 *
 * Tested in tests/server/front/connections/streams_test.ts.
 */
import { refuse } from "../../../client/contract/refusal.ts";
import { Refused } from "../../../client/contract/refused.ts";

/** A page has a handful. */
const MAX_STREAMS_PER_CONNECTION = 100;
/** A wall of dashboards for each of thousands of stores may share one key. */
const MAX_STREAMS_PER_KEY = 5_000;

/** Subscriptions end by themselves or with their page, within seconds or hours. */
const RETRY_AFTER_MS = 1_000;

/** The subscriptions of one connection. */
export interface ConnectionStreams {
  /** Counts one more until it is disposed of. @throws Refused rate_limited */
  open(keyId: string): Disposable;
}

export class Streams {
  readonly #ofKey = new Map<string, number>();

  constructor(
    readonly maxPerConnection: number = MAX_STREAMS_PER_CONNECTION,
    readonly maxPerKey: number = MAX_STREAMS_PER_KEY,
    readonly onRefused: () => void = () => undefined,
  ) {}

  /** The streams of a new connection. */
  ofConnection(): ConnectionStreams {
    let open = 0;
    return {
      open: (keyId) => {
        const ofKey = this.#ofKey.get(keyId) ?? 0;
        if (open >= this.maxPerConnection) throw this.#tooMany(this.maxPerConnection, "connection");
        if (ofKey >= this.maxPerKey) throw this.#tooMany(this.maxPerKey, "key");
        open++;
        this.#ofKey.set(keyId, ofKey + 1);
        let isOpen = true;
        return {
          [Symbol.dispose]: () => {
            if (!isOpen) return;
            isOpen = false;
            open--;
            const left = (this.#ofKey.get(keyId) ?? 0) - 1;
            if (left > 0) this.#ofKey.set(keyId, left);
            else this.#ofKey.delete(keyId);
          },
        };
      },
    };
  }

  #tooMany(most: number, of: string): Refused {
    this.onRefused();
    return new Refused(
      refuse("rate_limited", `a ${of} has at most ${most} subscriptions at once`, RETRY_AFTER_MS),
    );
  }
}
