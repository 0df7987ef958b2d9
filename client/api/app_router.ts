/**
 * The type of Weir's router, without anything of the server: each procedure with its input and its
 * output. `@trpc/client` makes the typed calls of it, and a package of the client needs no file of the
 * server. The server's own router is held equal to it.
 *
 * Tested in tests/client/api/app_router_test.ts.
 */
import type {
  TRPCBuiltRouter,
  TRPCDefaultErrorShape,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from "@trpc/server";
import type {
  Acknowledgement,
  AggregateResult,
  AuditInput,
  AuditReport,
  CancelInput,
  Cancellation,
  DeadLetter,
  DiscardInput,
  ErrorDetails,
  LetterInput,
  LetterPage,
  ListLettersInput,
  ListOrdersInput,
  LiveInput,
  LiveUpdate,
  OpsStatus,
  Order,
  OrderInput,
  OrderPage,
  OrderStatus,
  PlaceInput,
  PlaceManyInput,
  PlaceResult,
  RenewedToken,
  RenewTokenInput,
  Replay,
  ReplayInput,
  ReplayManyInput,
  ReplayManyReport,
  Snapshot,
  SnapshotInput,
  Whoami,
} from "../contract/mod.ts";

type Query<Input, Output> = TRPCQueryProcedure<{ input: Input; output: Output; meta: object }>;
type Mutation<Input, Output> = TRPCMutationProcedure<
  { input: Input; output: Output; meta: object }
>;
type Stream<Input, Value> = TRPCSubscriptionProcedure<
  { input: Input; output: AsyncIterable<Value, void>; meta: object }
>;

/** A value with the id by which a client resumes after it. */
interface Tracked<Value> {
  id: string;
  data: Value;
}

/** The procedures by their paths, such as `orders.place`. */
interface Procedures {
  readonly orders: {
    readonly place: Mutation<PlaceInput, Acknowledgement>;
    readonly placeMany: Mutation<PlaceManyInput, { results: PlaceResult[] }>;
    readonly cancel: Mutation<CancelInput, Cancellation & { orderId: string }>;
    readonly get: Query<OrderInput, Order>;
    readonly list: Query<ListOrdersInput, OrderPage>;
    readonly onStatus: Stream<OrderInput, OrderStatus>;
  };
  readonly dashboard: {
    readonly snapshot: Query<SnapshotInput | void, Snapshot>;
    readonly live: Stream<LiveInput | void, Tracked<Snapshot>>;
    readonly livePatches: Stream<LiveInput | void, Tracked<LiveUpdate>>;
  };
  readonly ops: {
    readonly status: Query<void, OpsStatus>;
    readonly onStatus: Stream<void, OpsStatus>;
    readonly deadLetters: {
      readonly list: Query<ListLettersInput | void, LetterPage>;
      readonly get: Query<LetterInput, DeadLetter>;
      readonly replay: Mutation<ReplayInput, Replay>;
      readonly replayMany: Mutation<ReplayManyInput, ReplayManyReport>;
      readonly discard: Mutation<DiscardInput, DeadLetter>;
    };
    readonly aggregate: Mutation<void, AggregateResult>;
    readonly audit: Mutation<AuditInput | void, AuditReport>;
  };
  readonly whoami: Query<void, Whoami>;
  readonly renewToken: Mutation<RenewTokenInput, RenewedToken>;
}

/** The root of the router: no transformer, and the contract's fields on an error. */
interface Root {
  ctx: object;
  meta: object;
  errorShape: TRPCDefaultErrorShape & { data: ErrorDetails };
  transformer: false;
}

export type AppRouter = TRPCBuiltRouter<Root, { [Path in keyof Procedures]: Procedures[Path] }>;
