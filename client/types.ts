/**
 * The types of the package that no program has to write down, but may.
 *
 * Tested in tests/client/package/package_test.ts.
 */
export type * from "./api/app_router.ts";
export type { TokenSource } from "./api/token.ts";
export type { WebSocketClass } from "./api/sockets.ts";
export type { NamedOrder, WeirErrorData } from "./api/weir_error.ts";
export type { FailureReason } from "./api/verdict.ts";
export type * from "./contract/mod.ts";
export type { Live, LiveScope } from "./live/live.ts";
export type { LiveState, LiveStatus } from "./live/live_state.ts";
export type { KeyedOrder, NewOrder, PreparedOrder } from "./orders/new_order.ts";
export type { Placed } from "./orders/place.ts";
export type { Fate } from "./orders/place_many.ts";
export type { CallOptions } from "./orders/time_limit.ts";
export type { EntryState, OutboxEntry, OutboxFailure } from "./outbox/entry.ts";
export type { Outbox, OutboxOptions, OutboxState } from "./outbox/outbox.ts";
export type { OutboxStore } from "./outbox/outbox_store.ts";
export type { WebStorage } from "./outbox/stores/web_storage_store.ts";
