import { assertEquals, assertMatch } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { LetterLog } from "../../../server/telemetry/letter_log.ts";
import { A_RULE } from "../../support/faults/poison.ts";
import { anOrder } from "../../support/load/orders.ts";
import { withLogLines } from "../../support/doubles/log_lines.ts";

/** Runs `test` with a log whose lines it can read, and with a clock that it moves. */
function withLog(test: (log: LetterLog, lines: string[], time: FakeTime) => void): Promise<void> {
  return withLogLines((lines) => {
    const time = new FakeTime();
    const log = new LetterLog();
    try {
      test(log, lines, time);
    } finally {
      log.stop();
      time.restore();
    }
  });
}

const aLetter = (parts = {}) => ({
  id: crypto.randomUUID(),
  reason: "rejected",
  rule: A_RULE,
  isNew: true,
  ...parts,
});

Deno.test("a new letter has one line with its store, order, id and rule; the same letter again has none", () =>
  withLog((log, lines) => {
    const order = anOrder();
    const letter = aLetter();
    log.tell(order, letter);
    log.tell(order, { ...letter, isNew: false });
    assertEquals(lines, [
      `warning: order ${order.orderId} of store store-1 is the dead letter ${letter.id}: ` +
      'new row for relation "orders" violates check constraint "no_poison" (23514)',
    ]);
    lines.length = 0;
    log.tell(order, aLetter({ rule: { ...A_RULE, constraint: null, message: "bad {lines}" } }));
    assertMatch(lines[0] ?? "", /: bad \{lines\} \(23514\)$/);
  }));

Deno.test("a flood of letters has ten lines a minute, and one with the number of the others by rule", () =>
  withLog((log, lines, time) => {
    const flood = (letters: number, constraint: string) => {
      for (let letter = 0; letter < letters; letter++) {
        log.tell(anOrder(), aLetter({ rule: { ...A_RULE, constraint } }));
      }
    };
    flood(12, "stock");
    flood(30, "limit");
    assertEquals(lines.length, 10);
    time.tick(59_999);
    assertEquals(lines.length, 10);
    time.tick(1);
    const told = "32 more orders have become dead letters within a minute, by rule";
    assertEquals(lines.splice(0).at(-1), `warning: ${told}: limit 30, stock 2`);

    flood(1, "stock");
    time.tick(60_000);
    assertEquals(lines.splice(0).length, 1, "a minute of few letters has no line at its end");

    flood(10, "stock");
    for (let rule = 0; rule < 200; rule++) flood(1, `rule ${rule}`);
    log.stop();
    const rules = "other rules 100, rule 0 1, rule 1 1, rule 2 1, rule 3 1, and 96 others";
    assertEquals(lines.splice(0).at(-1), `warning: ${told.replace("32", "200")}: ${rules}`);
    time.tick(120_000);
    assertEquals(lines, []);
  }));
