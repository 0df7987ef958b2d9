/** The calls of the scenes: every procedure with an input of the right shape, and plain orders. */

export type ProcedureType = "query" | "mutation" | "subscription";

export interface Procedure {
  readonly type: ProcedureType;
  readonly path: string;
  readonly scope: "orders:write" | "orders:read" | "dashboard:read" | "ops";
  /** The input. It names `store-1` in each field that may name a store. */
  readonly input: unknown;
}

/** A well-formed id that no order and no letter has. */
export const NO_ID = "00000000-0000-5000-8000-000000000000";

const NO_ORDER = { storeId: "store-1", orderId: NO_ID };
const LETTER = { id: NO_ID };

export const PROCEDURES: readonly Procedure[] = [
  { type: "mutation", path: "orders.place", scope: "orders:write", input: anOrder("a key") },
  {
    type: "mutation",
    path: "orders.placeMany",
    scope: "orders:write",
    input: { orders: [anOrder("a key")] },
  },
  { type: "mutation", path: "orders.cancel", scope: "orders:write", input: NO_ORDER },
  { type: "query", path: "orders.get", scope: "orders:read", input: NO_ORDER },
  { type: "query", path: "orders.list", scope: "orders:read", input: { storeId: "store-1" } },
  { type: "subscription", path: "orders.onStatus", scope: "orders:read", input: NO_ORDER },
  {
    type: "query",
    path: "dashboard.snapshot",
    scope: "dashboard:read",
    input: { storeId: "store-1" },
  },
  {
    type: "subscription",
    path: "dashboard.live",
    scope: "dashboard:read",
    input: { storeId: "store-1" },
  },
  {
    type: "subscription",
    path: "dashboard.livePatches",
    scope: "dashboard:read",
    input: { storeId: "store-1" },
  },
  { type: "query", path: "ops.status", scope: "ops", input: undefined },
  { type: "subscription", path: "ops.onStatus", scope: "ops", input: undefined },
  { type: "query", path: "ops.deadLetters.list", scope: "ops", input: { storeId: "store-1" } },
  { type: "query", path: "ops.deadLetters.get", scope: "ops", input: LETTER },
  { type: "mutation", path: "ops.deadLetters.replay", scope: "ops", input: LETTER },
  {
    type: "mutation",
    path: "ops.deadLetters.replayMany",
    scope: "ops",
    input: { storeId: "store-1", limit: 1 },
  },
  {
    type: "mutation",
    path: "ops.deadLetters.discard",
    scope: "ops",
    input: { ...LETTER, reason: "a reason" },
  },
  { type: "mutation", path: "ops.aggregate", scope: "ops", input: undefined },
  { type: "mutation", path: "ops.audit", scope: "ops", input: {} },
];

/** An order whose id is the same in every run. */
export function anOrder(
  idempotencyKey: string,
  parts: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> & { readonly storeId: string } {
  return {
    storeId: "store-1",
    idempotencyKey,
    currency: "EUR",
    lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }],
    ...parts,
  };
}

/** An order whose content the database refuses, after it was told to. */
export function aPoisonOrder(
  idempotencyKey: string,
  parts: Readonly<Record<string, unknown>> = {},
) {
  return anOrder(idempotencyKey, { customerRef: "poison", ...parts });
}
