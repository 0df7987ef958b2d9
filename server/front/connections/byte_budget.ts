/**
 * The budget of bytes that the front holds for requests that have not arrived in full. All callers
 * share it, and one key may have a part of it only. So a caller that sends a thousand bodies and
 * ends none of them costs a known amount, and other keys' requests go on.
 *
 * Tested in tests/server/front/connections/byte_budget_test.ts.
 */

/** One request. It takes bytes as they arrive, and gives all of them back at its end. */
export interface Share {
  /** True when `bytes` could be taken now. A false counts as a refusal. */
  fits(bytes: number): boolean;
  /** Takes `bytes` more. @returns false, and takes nothing, when a bound would be passed */
  take(bytes: number): boolean;
  /** Gives everything back. Legal twice. */
  giveBack(): void;
}

export class ByteBudget {
  #bytes = 0;
  readonly #bytesOf = new Map<string, number>();

  /**
   * @param maxBytes of all. @param maxBytesOfOne of one owner.
   * @param onRefused called each time that `fits` or `take` answers false.
   */
  constructor(
    readonly maxBytes: number,
    readonly maxBytesOfOne: number,
    readonly onRefused: () => void = () => undefined,
  ) {}

  /** Bytes that are taken now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A share for one request. @param owner the id of the key that pays for it */
  open(owner: string): Share {
    let taken = 0;
    const ofOwner = () => this.#bytesOf.get(owner) ?? 0;
    const fits = (bytes: number) =>
      this.#bytes + bytes <= this.maxBytes && ofOwner() + bytes <= this.maxBytesOfOne;
    const admits = (bytes: number) => {
      if (fits(bytes)) return true;
      this.onRefused();
      return false;
    };
    return {
      fits: admits,
      take: (bytes) => {
        if (!admits(bytes)) return false;
        this.#bytes += bytes;
        this.#bytesOf.set(owner, ofOwner() + bytes);
        taken += bytes;
        return true;
      },
      giveBack: () => {
        this.#bytes -= taken;
        const left = ofOwner() - taken;
        if (left > 0) this.#bytesOf.set(owner, left);
        else this.#bytesOf.delete(owner);
        taken = 0;
      },
    };
  }
}
