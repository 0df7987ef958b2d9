/**
 * The words of operations: a summary, and what a caller has to know besides the schemas.
 *
 * Tested in tests/server/front/rest/description_test.ts.
 */

interface Words {
  readonly tag: "orders" | "figures" | "operators" | "keys";
  readonly summary: string;
  readonly description: string;
}

const CURSOR =
  "`Link` has the address of the next page. A page may have fewer entries than `limit`: " +
  "only a `nextCursor` of null is the end.";
const RESUME =
  "Each event is a full snapshot with an id. Send the last id as `Last-Event-ID` to go " +
  "on behind it: figures never go back. A slow reader skips to the newest.";

export const OPERATION_WORDS: Readonly<Record<string, Words>> = {
  placeOrder: {
    tag: "orders",
    summary: "Place an order",
    description: "201: PostgreSQL has it on disk. 202: the database is out, and Redis has it on " +
      "disk. 200: the key was used before with this content, and this is the first answer again. " +
      "Without an answer the order may be stored: send it again with the same key. A request with " +
      "the same key while the first is under way waits for it and gets the same answer, never 409.",
  },
  placeOrders: {
    tag: "orders",
    summary: "Place up to 500 orders",
    description: "200 with one result for each order, in their order. Each has its own " +
      "`idempotencyKey`, so the request may be sent again. An order may leave its store out.",
  },
  listOrders: {
    tag: "orders",
    summary: "List the orders of a store, newest first",
    description: `From the database alone. ${CURSOR}`,
  },
  getOrder: {
    tag: "orders",
    summary: "Read an order",
    description: "Wherever it is: in the database, in the overflow, or a dead letter.",
  },
  cancelOrder: {
    tag: "orders",
    summary: "Cancel an order",
    description: "A second cancellation answers the first time again, with `replayed: true`.",
  },
  watchOrderStatus: {
    tag: "orders",
    summary: "Follow the status of an order",
    description:
      "The status at once, and again after each change. After `committed`, `cancelled` " +
      "or `dead_lettered` comes the event `end`.",
  },
  getStoreFigures: {
    tag: "figures",
    summary: "Read the figures of a store",
    description: "Every order committed before `asOf` is counted, once.",
  },
  watchStoreFigures: {
    tag: "figures",
    summary: "Follow the figures of a store",
    description: RESUME,
  },
  getFigures: {
    tag: "figures",
    summary: "Read the figures of all stores together",
    description: "A key for one store or for several is `forbidden` here.",
  },
  watchFigures: {
    tag: "figures",
    summary: "Follow the figures of all stores together",
    description: RESUME,
  },
  whoami: {
    tag: "keys",
    summary: "Read what the key may do",
    description: "It answers every key in force, whatever its scopes.",
  },
  getStatus: {
    tag: "operators",
    summary: "Read the status of the instance",
    description: "The state of each actor, and the problems that stand now.",
  },
  watchStatus: {
    tag: "operators",
    summary: "Follow the status of the instance",
    description: "The status at once, and again after each change.",
  },
  listDeadLetters: {
    tag: "operators",
    summary: "List dead letters",
    description: `A key for some stores has to name one of them. ${CURSOR}`,
  },
  getDeadLetter: {
    tag: "operators",
    summary: "Read a dead letter",
    description: "With the rule of the database that its order breaks.",
  },
  replayDeadLetter: {
    tag: "operators",
    summary: "Place the order of a dead letter again",
    description: "As it is, or corrected.",
  },
  replayDeadLetters: {
    tag: "operators",
    summary: "Place the orders of many dead letters again",
    description: "The longest waiting first, at most 100 in a second.",
  },
  discardDeadLetter: {
    tag: "operators",
    summary: "Close a dead letter for good",
    description: "Its order is not placed.",
  },
  aggregate: {
    tag: "operators",
    summary: "Fold now",
    description: "`skipped` while this instance or another one folds.",
  },
  audit: {
    tag: "operators",
    summary: "Count some figures again",
    description: "Random minutes and days of the rollups against their orders.",
  },
};
