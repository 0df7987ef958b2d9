/**
 * The ids of subscriptions that many share. tRPC does not tell a procedure the id of its call, and the frames that
 * are sent past tRPC need it. So the id travels in the raw input, under a symbol: no caller can send
 * one, and no shape of an input lets it through.
 *
 * Tested in tests/server/front/frames/call_ids_test.ts.
 */

const ID = Symbol("the id of the call");
/** The procedures whose values are sent so: many subscribers get the same. */
const SHARED = new Set<unknown>(["dashboard.live", "dashboard.livePatches", "ops.onStatus"]);

/** A message of a client, as far as it is looked at. */
interface CallMessage {
  readonly id?: unknown;
  readonly jsonrpc?: unknown;
  readonly method?: unknown;
  readonly params?: { readonly path?: unknown; input?: unknown } | null;
}

/** Puts the id of such a subscription into its raw input. Leaves every other message as it is. */
export function noteId(message: unknown): void {
  if (typeof message !== "object" || message === null) return;
  const { id, jsonrpc, method, params } = message as CallMessage;
  if (method !== "subscription" || jsonrpc !== undefined || !params) return;
  if (!SHARED.has(params.path)) return;
  if (typeof id !== "number" && typeof id !== "string") return;
  if (params.input === undefined) params.input = { [ID]: id };
  else if (typeof params.input === "object" && params.input !== null) {
    (params.input as Record<symbol, unknown>)[ID] = id;
  }
}

/** The id in a raw input; null: there is none. */
export function notedId(rawInput: unknown): number | string | null {
  const isObject = typeof rawInput === "object" && rawInput !== null;
  const id = isObject ? (rawInput as Record<symbol, unknown>)[ID] : null;
  return typeof id === "number" || typeof id === "string" ? id : null;
}
