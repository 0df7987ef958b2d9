/**
 * Times come from the database or from Redis, and durations from a monotonic clock.
 *
 * The calendar of an instance's machine may be wrong. Code may read it for values that only people
 * look at.
 */

import ts from "typescript";
import type { Rule } from "./source.ts";

/**
 * The files that may read the calendar. They show people a start, a last run, a failure, the begin
 * of a problem, the name of a folder that was set aside, and the date of an answer. `signs.ts` alone compares the calendar
 * with the database's clock, to tell when the calendar is wrong. `router/tokens/calendar.ts` is for the
 * times in browser tokens, which come from the calendars of other machines.
 */
const FOR_PEOPLE = [
  "server/front/lane/http_date.ts",
  "server/ops/status_board.ts",
  "server/ops/problems/watch.ts",
  "server/figures/auditing.ts",
  "server/signs.ts",
  "server/router/tokens/calendar.ts",
  "actors/aggregator/aggregator.ts",
  "server/telemetry/hints.ts",
  "actors/order_writer/behaviour.ts",
  "server/embedded/postgres_cluster.ts",
];
const FOLDERS = ["sql", "actors", "server"];

export const calendar: Rule = {
  name: "only values for people come from an instance's own calendar",
  check: (tree) =>
    tree.filter(({ folder, path }) => FOLDERS.includes(folder) && !FOR_PEOPLE.includes(path))
      .flatMap((source) =>
        source.nodes.filter(readsCalendar).map((node) =>
          source.finding(
            node,
            `reads the calendar: ${node.getText(source.ast)}`,
            "take the database's time, or a monotonic clock for how long something takes",
          )
        )
      ),
  broken: [
    { at: ["server/a.ts:1"], files: { "server/a.ts": "const lateBy = Date.now() - at;" } },
    { at: ["actors/a.ts:1"], files: { "actors/a.ts": "start({ now: Date.now });" } },
    { at: ["sql/a.ts:1"], files: { "sql/a.ts": "const minute = minuteOf(new Date());" } },
    { at: ["sql/a.ts:1", "sql/a.ts:2"], files: { "sql/a.ts": "new Date;\nDate();" } },
  ],
  kept: [
    { "server/a.ts": "new Date(at).toISOString(); Date.parse(text); performance.now();" },
    { "server/ops/status_board.ts": "const startedAt = new Date().toISOString();" },
    { "client/a.ts": "const at = Date.now();", "tests/a_test.ts": "const at = Date.now();" },
    { "sql/a.ts": "sql`SELECT now()`; // not Date.now()" },
  ],
};

function readsCalendar(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) {
    return node.name.text === "now" && isDate(node.expression);
  }
  if (ts.isNewExpression(node)) return isDate(node.expression) && !node.arguments?.length;
  return ts.isCallExpression(node) && isDate(node.expression);
}

function isDate(node: ts.Node): boolean {
  return ts.isIdentifier(node) && node.text === "Date";
}
