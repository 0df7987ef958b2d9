/**
 * The table of who may call what: the scope that each procedure needs, and the stores that its
 * calls can be about. `outcomeOf` works out from the table the answer that a key must get.
 */
import type { RefusalReason, Scope } from "../../../client/mod.ts";
import { anInput } from "../load/orders.ts";

/** The store that a call is about: the key's own, another one, or none. */
const STORES = ["own", "other", "none"] as const;
export type Store = typeof STORES[number];

/**
 * The store of a call. `named`: the input must name it. `optional`: an input without a store is
 * about all stores. `letter`: it is the store of the letter. `all`: the call is always about all
 * stores. `free`: the call is about no store.
 */
type StoreRule = "named" | "optional" | "letter" | "all" | "free";

export interface Row {
  /** Null: any key may call. */
  readonly scope: Scope | null;
  readonly store: StoreRule;
  /** The input of a call about this store; null: about none. */
  readonly input: (storeId: string | null, letterId: string) => unknown;
  /** The reason of the refusal that a key gets although it may call; null: it gets an answer. */
  readonly allowed: RefusalReason | null;
}

const NO_ID = "00000000-0000-5000-8000-000000000000";
const inStore = (more: object = {}) => (storeId: string | null) =>
  storeId === null ? more : { ...more, storeId };
const orderOf = (storeId: string | null) => {
  const { storeId: _, ...rest } = anInput();
  return inStore(rest)(storeId);
};
const ofLetter = (more: object = {}) => (_: unknown, id: string) => ({ id, ...more });
const nothing = () => undefined;

const READS: Omit<Row, "scope" | "store"> = { input: inStore(), allowed: null };
const NO_ORDER: Omit<Row, "scope"> = {
  store: "named",
  input: inStore({ orderId: NO_ID }),
  allowed: "not_found",
};
/** The letters of the table are closed, so that no call changes the answer to the next call. */
const CLOSED: Omit<Row, "scope" | "input"> = { store: "letter", allowed: "letter_closed" };
const FREE: Omit<Row, "scope"> = { store: "free", input: nothing, allowed: null };

export const TABLE: Readonly<Record<string, Row>> = {
  "orders.place": { scope: "orders:write", store: "named", input: orderOf, allowed: null },
  "orders.placeMany": {
    scope: "orders:write",
    store: "named",
    input: (storeId) => ({ orders: [orderOf(storeId)] }),
    allowed: null,
  },
  "orders.cancel": { scope: "orders:write", ...NO_ORDER },
  "orders.get": { scope: "orders:read", ...NO_ORDER },
  "orders.list": { scope: "orders:read", store: "named", ...READS },
  "orders.onStatus": { scope: "orders:read", ...NO_ORDER },
  "dashboard.snapshot": { scope: "dashboard:read", store: "optional", ...READS },
  "dashboard.live": { scope: "dashboard:read", store: "optional", ...READS },
  "dashboard.livePatches": { scope: "dashboard:read", store: "optional", ...READS },
  "ops.status": { scope: "ops", ...FREE },
  "ops.onStatus": { scope: "ops", ...FREE },
  "ops.aggregate": { scope: "ops", ...FREE },
  "ops.audit": { scope: "ops", store: "all", input: nothing, allowed: null },
  "ops.deadLetters.list": { scope: "ops", store: "optional", ...READS },
  "ops.deadLetters.get": { scope: "ops", store: "letter", input: ofLetter(), allowed: null },
  "ops.deadLetters.replay": { scope: "ops", ...CLOSED, input: ofLetter() },
  "ops.deadLetters.replayMany": {
    scope: "ops",
    store: "optional",
    input: inStore({ limit: 1 }),
    allowed: null,
  },
  "ops.deadLetters.discard": { scope: "ops", ...CLOSED, input: ofLetter({ reason: "a test" }) },
  whoami: { scope: null, ...FREE },
  renewToken: {
    scope: null,
    store: "free",
    input: () => ({ token: "nonsense" }),
    allowed: "invalid_input",
  },
};

/** A token may call these without naming them. */
const OF_EVERY_TOKEN = ["whoami", "renewToken"];

/** The stores that a call can be about. */
export function storesOf({ store }: Row): readonly Store[] {
  if (store === "letter") return ["own", "other"];
  return store === "named" || store === "optional" ? STORES : ["none"];
}

/** The parts of a key or a token that the table needs. Null: it is not in force. */
export type Rights = {
  readonly scopes: readonly Scope[];
  readonly isForAllStores: boolean;
  /** The store that it is for, where it is not for all. Left out: its own. Null: none. */
  readonly itsStore?: "own" | "other" | null;
  /** The procedures of a token. Left out: all. */
  readonly procedures?: readonly string[];
} | null;

/** The reason of the refusal that a caller with these rights must get; null: an answer. */
export function outcomeOf(path: string, rights: Rights, store: Store): RefusalReason | null {
  const row = TABLE[path]!;
  if (rights === null) return "unauthenticated";
  const { itsStore = "own", procedures } = rights;
  const isForPath = procedures?.includes(path) ?? true;
  if (!isForPath && !OF_EVERY_TOKEN.includes(path)) return "forbidden";
  if (row.scope !== null && !rights.scopes.includes(row.scope)) return "forbidden";
  if (row.store === "named" && store === "none") return "invalid_input";
  const isAllowed = rights.isForAllStores || row.store === "free" || store === itsStore;
  return isAllowed ? row.allowed : "forbidden";
}
