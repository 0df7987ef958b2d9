/**
 * The operations of REST: each is one procedure of the router at a path of its own. The router of
 * paths, the reading of inputs and the description are made from this table, so none of them knows
 * an operation that the others do not.
 *
 * Tested in tests/server/front/rest/description_test.ts.
 */
import { z } from "zod";
import {
  discardInput,
  letterInput,
  listLettersInput,
  replayInput,
  replayManyInput,
} from "../../../client/contract/dead_letter.ts";
import { auditInput } from "../../../client/contract/ops_runs.ts";
import {
  cancelInput,
  listOrdersInput,
  orderInput,
  placeInput,
  placeManyInput,
} from "../../../client/contract/order.ts";
import type { Scope } from "../../../client/contract/scope.ts";
import { liveInput, snapshotInput } from "../../../client/contract/snapshot.ts";
import type { SchemaName } from "./shapes/mod.ts";

export interface Operation {
  readonly id: string;
  readonly method: "GET" | "POST";
  /** Below `API_PATH`, with the names of its parameters in braces. */
  readonly path: string;
  readonly procedure: string;
  /** Null: every valid key may call it. */
  readonly scope: Scope | null;
  /** The input's fields, those of the path among them. */
  readonly input: z.ZodObject;
  readonly answers: Answers;
  /** `Idempotency-Key` gives the field `idempotencyKey`. */
  readonly takesKey?: true;
  /** Statuses of refusals besides those that every operation of its kind has. */
  readonly refusals: readonly number[];
}

/** The answer of an operation: one JSON value, or events that each carry one. */
export type Answers =
  | { readonly kind: "json"; readonly shape: SchemaName; readonly created?: true }
  | { readonly kind: "page"; readonly shape: SchemaName }
  | { readonly kind: "events"; readonly shape: SchemaName; readonly resumes: boolean };

const json = (shape: SchemaName): Answers => ({ kind: "json", shape });
const page = (shape: SchemaName): Answers => ({ kind: "page", shape });
const events = (shape: SchemaName, resumes = false): Answers => ({
  kind: "events",
  shape,
  resumes,
});

const ORDERS = "/stores/{storeId}/orders";
const ORDER = `${ORDERS}/{orderId}`;
const LETTER = "/dead-letters/{id}";

/** The input of an operation that takes nothing. */
const NOTHING = z.strictObject({});

const get = { method: "GET", refusals: [] } as const;
const post = { method: "POST", refusals: [] } as const;

/** Every operation. A path without a parameter stands before one that has it in the same place. */
export const OPERATIONS: readonly Operation[] = [
  {
    ...post,
    id: "placeOrder",
    path: ORDERS,
    procedure: "orders.place",
    scope: "orders:write",
    input: placeInput,
    answers: { kind: "json", shape: "Acknowledgement", created: true },
    takesKey: true,
    refusals: [422],
  },
  {
    ...get,
    id: "listOrders",
    path: ORDERS,
    procedure: "orders.list",
    scope: "orders:read",
    input: listOrdersInput,
    answers: page("OrderPage"),
  },
  {
    ...post,
    id: "placeOrders",
    path: `${ORDERS}/batch`,
    procedure: "orders.placeMany",
    scope: "orders:write",
    input: placeManyInput,
    answers: json("PlaceResults"),
  },
  {
    ...get,
    id: "getOrder",
    path: ORDER,
    procedure: "orders.get",
    scope: "orders:read",
    input: orderInput,
    answers: json("Order"),
    refusals: [404],
  },
  {
    ...post,
    id: "cancelOrder",
    path: `${ORDER}/cancel`,
    procedure: "orders.cancel",
    scope: "orders:write",
    input: cancelInput,
    answers: json("Cancellation"),
    refusals: [404, 409],
  },
  {
    ...get,
    id: "watchOrderStatus",
    path: `${ORDER}/status`,
    procedure: "orders.onStatus",
    scope: "orders:read",
    input: orderInput,
    answers: events("OrderStatusEvent"),
    refusals: [404],
  },
  ...figures("Store", "/stores/{storeId}", {
    once: snapshotInput.unwrap(),
    live: liveInput.omit({ lastEventId: true }),
  }),
  ...figures("", "", {
    once: NOTHING,
    live: liveInput.omit({ lastEventId: true, storeId: true }),
  }),
  {
    ...get,
    id: "whoami",
    path: "/whoami",
    procedure: "whoami",
    scope: null,
    input: NOTHING,
    answers: json("Whoami"),
  },
  ...operators(),
];

/** The last event's id of a stream comes from its header. */
function figures(
  of: string,
  at: string,
  input: { readonly once: z.ZodObject; readonly live: z.ZodObject },
): Operation[] {
  const common = { ...get, scope: "dashboard:read" } as const;
  return [
    {
      ...common,
      id: `get${of}Figures`,
      path: `${at}/figures`,
      procedure: "dashboard.snapshot",
      input: input.once,
      answers: json("Snapshot"),
    },
    {
      ...common,
      id: `watch${of}Figures`,
      path: `${at}/figures/live`,
      procedure: "dashboard.live",
      input: input.live,
      answers: events("Snapshot", true),
    },
  ];
}

function operators(): Operation[] {
  const ops = { scope: "ops" } as const;
  return [
    {
      ...get,
      ...ops,
      id: "getStatus",
      path: "/status",
      procedure: "ops.status",
      input: NOTHING,
      answers: json("OpsStatus"),
    },
    {
      ...get,
      ...ops,
      id: "watchStatus",
      path: "/status/live",
      procedure: "ops.onStatus",
      input: NOTHING,
      answers: events("OpsStatus"),
    },
    {
      ...get,
      ...ops,
      id: "listDeadLetters",
      path: "/dead-letters",
      procedure: "ops.deadLetters.list",
      input: listLettersInput,
      answers: page("LetterPage"),
    },
    {
      ...post,
      ...ops,
      id: "replayDeadLetters",
      path: "/dead-letters/replay",
      procedure: "ops.deadLetters.replayMany",
      input: replayManyInput,
      answers: json("ReplayReport"),
      refusals: [422],
    },
    ...letter(),
    {
      ...post,
      ...ops,
      id: "aggregate",
      path: "/aggregate",
      procedure: "ops.aggregate",
      input: NOTHING,
      answers: json("AggregateResult"),
    },
    {
      ...post,
      ...ops,
      id: "audit",
      path: "/audit",
      procedure: "ops.audit",
      input: auditInput,
      answers: json("AuditReport"),
    },
  ];
}

function letter(): Operation[] {
  const ops = { scope: "ops", refusals: [404] } as const;
  return [
    {
      ...get,
      ...ops,
      id: "getDeadLetter",
      path: LETTER,
      procedure: "ops.deadLetters.get",
      input: letterInput,
      answers: json("DeadLetter"),
    },
    {
      ...post,
      ...ops,
      id: "replayDeadLetter",
      path: `${LETTER}/replay`,
      procedure: "ops.deadLetters.replay",
      input: replayInput,
      answers: json("Replay"),
      refusals: [404, 409, 422],
    },
    {
      ...post,
      ...ops,
      id: "discardDeadLetter",
      path: `${LETTER}/discard`,
      procedure: "ops.deadLetters.discard",
      input: discardInput,
      answers: json("DeadLetter"),
      refusals: [404, 409],
    },
  ];
}
