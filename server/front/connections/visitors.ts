/**
 * Visitors: the connections of an instance, bounded in all and by address.
 *
 * A connection is a stranger's until a call on it has shown a good key. A stranger that is not being
 * answered has `STRANGER_MS`, then it is closed. Strangers have a part of all connections, and when
 * that part is full, the one that waits longest gives way to a new one. So silent connections, however
 * many come, keep out nobody who asks at once. Connections with a good key never give way.
 *
 * The rule that the oldest half-finished connection gives way is that of early random drop, as in
 * OpenSSH's MaxStartups, without the chance.
 *
 * Tested in tests/server/front/connections/visitors_test.ts.
 */
import type { Socket } from "node:net";

/** A client that has connected sends its key at once. This is for slow lines. */
const STRANGER_MS = 5_000;
const LOOK_EVERY_MS = 500;
/** Strangers may have this part of all connections. */
const STRANGERS_PART = 1 / 4;

export interface VisitorBounds {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** True for an address with the connections of many clients. Default: none is. */
  readonly isProxy?: (remoteAddress: string) => boolean;
}

/**
 * Why a connection is closed: all places are taken, or those of its address, or it was a stranger for
 * too long, or it gave way to another stranger.
 */
export type Dismissal = "full" | "address" | "silent" | "gave_way";

export interface VisitorsOptions extends VisitorBounds {
  readonly onDismissed: (why: Dismissal) => void;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** Default: `STRANGER_MS`. */
  readonly strangerMs?: number;
}

/** One connection. */
export class Visitor {
  /** Answers that are being made or sent on this connection. */
  underWay = 0;
  isStranger = true;
  /**
   * Called when the connection is closed. A request that came behind another one on its connection
   * hears of it here alone: its answer has had no part in the connection yet.
   */
  readonly onGone = new Set<() => void>();

  constructor(
    readonly socket: Pick<Socket, "destroy" | "on" | "pause">,
    readonly address: string,
    readonly since: number,
    readonly onKnown: (visitor: Visitor) => void,
  ) {}

  /** A call on this connection has shown a good key. */
  known(): void {
    if (!this.isStranger) return;
    this.isStranger = false;
    this.onKnown(this);
  }
}

export class Visitors {
  readonly #of = new WeakMap<object, Visitor>();
  readonly #all = new Map<string, Set<Visitor>>();
  /** Strangers, the oldest first, of all addresses. */
  readonly #strangers = new Set<Visitor>();
  readonly #looking: ReturnType<typeof setInterval>;
  #connections = 0;
  #onAllGone: () => void = () => undefined;

  constructor(readonly options: VisitorsOptions) {
    this.#looking = setInterval(() => this.#closeSilent(), LOOK_EVERY_MS);
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections;
  }

  get strangers(): number {
    return this.#strangers.size;
  }

  /** Takes in a new connection, or closes it. */
  arrive(socket: Socket): void {
    const address = networkOf(socket.remoteAddress);
    const { maxConnections, now } = this.options;
    const isProxy = this.options.isProxy?.(socket.remoteAddress ?? "") === true;
    const maxOfAddress = isProxy ? Infinity : this.options.maxConnectionsPerAddress;
    const ofAddress = this.#all.get(address) ?? new Set();
    if (ofAddress.size >= maxOfAddress && !this.#giveWay(ofAddress)) {
      return this.#dismiss(socket, "address");
    }
    const isFull = this.#connections >= maxConnections ||
      this.#strangers.size >= Math.ceil(maxConnections * STRANGERS_PART);
    if (isFull && !this.#giveWay(this.#strangers)) return this.#dismiss(socket, "full");
    const visitor = new Visitor(socket, address, now(), (known) => this.#strangers.delete(known));
    this.#of.set(socket, visitor);
    this.#all.set(address, ofAddress.add(visitor));
    this.#strangers.add(visitor);
    this.#connections++;
    socket.once("close", () => {
      for (const tell of visitor.onGone) tell();
      this.#leave(visitor);
    });
    socket.on("error", () => undefined); // its close says all, whoever else listens
  }

  /** The visitor of a connection; undefined: it was not let in. */
  of(socket: object): Visitor | undefined {
    return this.#of.get(socket);
  }

  /** Resolves when no connection is open, or after `timeoutMs`. */
  async allGone(timeoutMs: number): Promise<void> {
    if (this.#connections === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onAllGone = resolve;
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
  }

  stop(): void {
    clearInterval(this.#looking);
  }

  /**
   * Closes the oldest stranger that is not being answered, or the oldest one: a good key is known at
   * once, so those that are answered for long are refused ones. @returns false when there is none
   */
  #giveWay(visitors: Iterable<Visitor>): boolean {
    let oldest: Visitor | null = null;
    for (const visitor of visitors) {
      if (!visitor.isStranger) continue;
      oldest ??= visitor;
      if (visitor.underWay > 0) continue;
      oldest = visitor;
      break;
    }
    if (oldest === null) return false;
    this.#leave(oldest);
    this.#dismiss(oldest.socket, "gave_way");
    return true;
  }

  #closeSilent(): void {
    const { now, strangerMs = STRANGER_MS } = this.options;
    for (const visitor of this.#strangers) {
      if (now() - visitor.since < strangerMs) return; // the others are younger
      if (visitor.underWay > 0) continue;
      this.#leave(visitor);
      this.#dismiss(visitor.socket, "silent");
    }
  }

  #dismiss(socket: Pick<Socket, "destroy">, why: Dismissal): void {
    this.options.onDismissed(why);
    socket.destroy();
  }

  #leave(visitor: Visitor): void {
    const ofAddress = this.#all.get(visitor.address);
    if (ofAddress?.delete(visitor) !== true) return; // it has left before
    if (ofAddress.size === 0) this.#all.delete(visitor.address);
    this.#strangers.delete(visitor);
    this.#connections--;
    if (this.#connections === 0) this.#onAllGone();
  }
}

/** The caller's address. Of IPv6 it is the network, since one caller has all addresses of it. */
export function networkOf(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return "unknown";
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, "");
  if (!address.includes(":")) return address;
  const [head = "", tail = ""] = address.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => "0");
  return [...first, ...zeros, ...last].slice(0, 4).join(":");
}
