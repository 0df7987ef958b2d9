/**
 * The check of the history finds every kind of violation. A check that finds none proves nothing.
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Answer,
  contentOf,
  History,
  type Stored,
  type StoredRow,
  type Violations,
} from "./history.ts";
import { anInput } from "../load/orders.ts";

const PLACED_AT = "2026-01-01T00:00:00.000Z";
const ROW: StoredRow = {
  store: "north",
  key: "a",
  orderId: "id-a",
  content: "X",
  totalMinor: 5,
  placedAt: PLACED_AT,
};
const NONE: Violations = {
  lost: [],
  invented: [],
  doubled: [],
  refusedButStored: [],
  contradictory: [],
};
const UNKNOWN = refused("outcome_unknown");

function acknowledged(
  parts: Partial<Extract<Answer, { kind: "acknowledged" }>> = {},
): Answer {
  return {
    kind: "acknowledged",
    status: "committed",
    orderId: "id-a",
    replayed: false,
    totalMinor: 5,
    placedAt: PLACED_AT,
    ...parts,
  };
}

function refused(reason: string): Answer {
  return { kind: "refused", reason };
}

/** Attempts under the key `north/a`, one after the other, with content X unless one is given. */
function historyOf(...answers: (Answer | readonly [Answer, string])[]): History {
  const history = new History(7);
  for (const given of answers) {
    const [answer, content] = "kind" in given ? [given, "X"] : given;
    const number = history.begin("north", "a");
    history.record({ store: "north", key: "a", content, number, sentAt: 0, answeredAt: 1, answer });
  }
  return history;
}

function violations(history: History, orders: StoredRow[], letters: Stored["letters"] = []) {
  return history.check({ orders, letters });
}

Deno.test("a good history has no violation", () => {
  const histories = [
    historyOf(acknowledged()),
    historyOf(UNKNOWN),
    historyOf({ kind: "none", error: "reset" }, acknowledged({ replayed: true })),
    historyOf(refused("queue_full"), acknowledged()),
    historyOf(
      acknowledged({ status: "spilled", placedAt: "2026-01-01T00:00:09.000Z" }),
      acknowledged({ replayed: true }),
    ),
    historyOf(acknowledged(), [refused("idempotency_mismatch"), "Y"]),
  ];
  for (const history of histories) assertEquals(violations(history, [ROW]), NONE);
  assertEquals(violations(historyOf(refused("queue_full")), []), NONE);
  assertEquals(violations(historyOf(UNKNOWN), []), NONE);
});

Deno.test("an acknowledged order that is not stored is lost, with other content as well", () => {
  assertEquals(violations(historyOf(acknowledged()), []).lost, ["north/a"]);
  assertEquals(violations(historyOf(acknowledged({ status: "spilled" })), []).lost, ["north/a"]);
  const history = historyOf([UNKNOWN, "Y"], acknowledged());
  assertEquals(violations(history, [{ ...ROW, content: "Y" }]).lost, ["north/a"]);
});

Deno.test("a spilled order is kept by a dead letter, a committed one is not", () => {
  const letter = { store: "north", key: "a", content: "Y" };
  const spilled = historyOf(acknowledged(), [acknowledged({ status: "spilled" }), "Y"]);
  assertEquals(violations(spilled, [ROW], [letter]), NONE);
  assertEquals(violations(spilled, [ROW]).lost, ["north/a"]);
  const committed = historyOf([acknowledged(), "Y"]);
  assertEquals(violations(committed, [], [letter]).lost, ["north/a"]);
});

Deno.test("an order that nobody sent is invented, and so is content that nobody sent", () => {
  assertEquals(violations(new History(7), [ROW]).invented, ["north/a"]);
  assertEquals(violations(historyOf(UNKNOWN), [{ ...ROW, content: "Z" }]).invented, ["north/a"]);
});

Deno.test("two rows of one key are doubled", () => {
  const rows = [ROW, { ...ROW, orderId: "id-b" }];
  assertEquals(violations(historyOf(acknowledged()), rows).doubled, ["north/a"]);
});

Deno.test("an order that is stored although every attempt was refused is found", () => {
  for (const reason of ["circuit_open", "queue_full", "deadline_exceeded", "draining"]) {
    assertEquals(violations(historyOf(refused(reason)), [ROW]).refusedButStored, ["north/a"]);
  }
  const twice = historyOf(refused("queue_full"), refused("circuit_open"));
  assertEquals(violations(twice, [ROW]).refusedButStored, ["north/a"]);
  const another = historyOf([UNKNOWN, "Y"], refused("circuit_open"));
  assertEquals(violations(another, [ROW]).refusedButStored, ["north/a"]);
  assertEquals(violations(historyOf(UNKNOWN), [ROW]).refusedButStored, []);
});

Deno.test("answers that cannot all be true contradict each other", () => {
  const bad = [
    historyOf(acknowledged(), acknowledged({ replayed: true, orderId: "id-b" })),
    historyOf(acknowledged(), acknowledged()),
    historyOf(acknowledged(), acknowledged({ replayed: true, placedAt: "2026-01-02T00:00:00Z" })),
    historyOf(acknowledged({ placedAt: "2026-01-02T00:00:00Z" })),
    historyOf(acknowledged({ totalMinor: 6 })),
    historyOf(acknowledged(), refused("idempotency_mismatch")),
    historyOf(acknowledged(), [acknowledged({ replayed: true }), "Y"]),
  ];
  for (const history of bad) {
    assertEquals(violations(history, [ROW]).contradictory, ["north/a"]);
  }
});

Deno.test("a failure names the kind, the key, its answers, and the seed", () => {
  const history = historyOf(UNKNOWN, acknowledged());
  const { message } = assertThrows(() => history.expectHolds({ orders: [], letters: [] }), Error);
  assertStringIncludes(message, "WEIR_TEST_SEED=7");
  assertStringIncludes(message, "lost: 1, such as north/a (1: outcome_unknown, 2: committed)");
});

Deno.test("the order of fields and the deadline are no part of an order's content", () => {
  const order = anInput({ metadata: { b: "2", a: "1" } });
  const lines = order.lines.map(({ sku, quantity, unitPriceMinor }) => ({
    unitPriceMinor,
    quantity,
    sku,
  }));
  const same = { ...order, lines, metadata: { a: "1", b: "2" }, deadlineMs: 50 };
  assertEquals(contentOf(same), contentOf(order));
  assertEquals(contentOf({ ...order, customerRef: "x" }) === contentOf(order), false);
});
