/**
 * The context of a call: the services of the instance, the caller, and the connection.
 *
 * Tested in tests/server/router/orders_test.ts.
 */
import type { AggregateResult, AuditReport } from "../../client/contract/ops_runs.ts";
import type { LiveUpdate } from "../../client/contract/live_update.ts";
import type { OpsStatus } from "../../client/contract/ops_status.ts";
import type { Snapshot } from "../../client/contract/snapshot.ts";
import type { Scope } from "../../client/contract/scope.ts";
import type { Cancel } from "../orders/cancel.ts";
import type { DeadLetters } from "../orders/dead_letters.ts";
import type { OrderLookup } from "../orders/lookup.ts";
import type { Intake } from "../orders/intake.ts";
import type { RateLimit } from "../orders/rate_limit.ts";
import type { LiveHub } from "../live/live_hub.ts";
import type { StatusBoard } from "../ops/status_board.ts";

/** The caller, by the key of the call. */
export interface Principal {
  readonly keyId: string;
  /** The label of the key. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The stores that the key is for; null: all of them. */
  readonly storeIds: ReadonlySet<string> | null;
  /** The currencies of the orders that it may place; null: all of them. */
  readonly currencies: ReadonlySet<string> | null;
  /** The limits of a browser token besides; null: the caller has shown the key itself. */
  readonly token: TokenLimits | null;
}

/** The limits of a browser token beyond those of its key. */
export interface TokenLimits {
  /** The procedures that it may call, besides those that every token may. */
  readonly procedures: ReadonlySet<string>;
  /** The time that the token names, by the clock of its maker; milliseconds since 1970. */
  readonly expiresAt: number;
  /** The moment from which it is refused, by the clock of this instance; milliseconds since 1970. */
  readonly endsAt: number;
}

export interface Authenticator {
  /** @throws Refused unauthenticated, or unavailable */
  authenticate(token: string | null): Promise<Principal>;
  /** The id of the key that a text names as a browser token; null: it has not the form of one. */
  keyIdOfToken(text: string): string | null;
}

/** The slot of one stream: its place in the waiting order of its connection. */
export interface Slot extends Disposable {
  /** Resolves when this stream may send one frame; the frame has to be chosen only then. */
  turn(): Promise<void>;
  /** Says that the frame has been sent, so that the next stream may send. Legal without a turn. */
  sent(): void;
}

export interface Streams {
  /** Counts one more subscription until it is disposed of. @throws Refused rate_limited */
  open(keyId: string): Disposable;
}

/** The way in which answers that may be large are made. */
export interface Answers {
  /**
   * Makes an answer when its turn comes, if there is room for it.
   * @param keyId the key of the call.
   * @param mostBytes the most bytes that the answer may have.
   * @throws Refused payload_too_large or queue_full; then `make` was not called
   */
  make<T>(keyId: string, mostBytes: number, make: () => Promise<T>): Promise<T>;
  /** The same for a page, which has at most `MAX_PAGE_BYTES`. Few pages are made at once. */
  makePage<T>(keyId: string, make: () => Promise<T>): Promise<T>;
}

/** The parts of an instance that calls reach. */
export interface Services {
  readonly auth: Authenticator;
  readonly intake: Intake;
  readonly rateLimit: RateLimit;
  readonly orders: OrderLookup & { readonly cancel: Cancel };
  readonly deadLetters: DeadLetters;
  readonly hub: Pick<LiveHub, "snapshot" | "watch">;
  readonly statusBoard: StatusBoard;
  readonly aggregate: () => Promise<AggregateResult>;
  /** Compares this many random buckets with a recount. */
  readonly audit: (buckets: number) => Promise<AuditReport>;
}

export interface Context {
  readonly services: Services;
  /** From the header or the connection's params; null: none was sent. */
  readonly token: string | null;
  /** The caller, where the front has asked for it already; null: the call asks itself. */
  readonly identified: Promise<Principal> | null;
  readonly connection: Connection;
}

/** The caller's connection, or its request over HTTP. */
export interface Connection {
  /** For streams: their places on the connection. */
  readonly slots: { open(): Slot };
  /** Counts the subscriptions of the connection and of the key. */
  readonly streams: Streams;
  /** For answers that may be large: their places among the others. */
  readonly answers: Answers;
  /**
   * Where the values of a subscription can be sent past tRPC: the sender for the one whose raw input
   * this function reads. tRPC would make a dozen objects and promises for each value, and its text for each
   * subscriber.
   */
  readonly senderOf?: (readRawInput: () => Promise<unknown>) => Promise<ValueSender | null>;
  /** The credential of a connection that lasts. Left out: each request brings its own. */
  readonly credential?: Credential;
}

/** The token of a connection, in the place of the one that the call had. */
export interface Credential {
  /** Null: none was sent. */
  readonly token: string | null;
  /** The caller that the token belonged to when it was checked first; null: it is not checked yet. */
  readonly principal: Principal | null;
  /** True while another token for the connection is being checked. */
  isRenewing: boolean;
  /** Called when the connection has another token. */
  readonly onRenewed: Set<() => void>;
  /** From now on the connection has this token. */
  renew(token: string, principal: Principal): void;
}

/** Sends one value of a subscription, as tRPC sends it: frames and updates as tracked ones. */
export interface ValueSender {
  frame(eventId: string, snapshot: Snapshot): void;
  update(eventId: string, update: LiveUpdate): void;
  status(status: OpsStatus): void;
}
