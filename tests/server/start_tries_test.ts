import { assertEquals, assertMatch } from "@std/assert";
import { StartTries } from "../../server/start_tries.ts";
import { socketError, sqlError } from "../support/doubles/scripted_store.ts";

/** The lines of a start that fails every half second, with the second of each. */
function linesOf(errorAt: (second: number) => Error, seconds: number): [number, string][] {
  let now = 0;
  const tries = new StartTries(() => now * 1_000);
  const lines: [number, string][] = [];
  for (; now < seconds; now += 0.5) {
    const error = errorAt(now);
    tries.failed(error);
    const line = tries.line(error);
    if (line !== null) lines.push([now, line]);
  }
  return lines;
}

Deno.test("a failure that lasts is told at once, then at growing distances, then once a minute", () => {
  const lines = linesOf(() => socketError("ENOTFOUND"), 300);
  assertEquals(lines.map(([second]) => second), [0, 2, 6, 14, 30, 62, 122, 182, 242]);
  assertMatch(lines[0]![1], /^the database is away: .*\(ENOTFOUND\)$/);
  assertMatch(lines[1]![1], /\(5 tries in 2 s\): .*host in DATABASE_URL$/);
  assertMatch(lines.at(-1)![1], /\(485 tries in 242 s\)/);
});

Deno.test("a change of the cause is told at once, and two causes in turn are not told each time", () => {
  const changed = linesOf((second) => socketError(second < 5 ? "ENOTFOUND" : "ECONNREFUSED"), 6);
  assertEquals(changed.map(([second]) => second), [0, 2, 5]);
  const turn = (second: number) => socketError(second % 1 === 0 ? "ENOTFOUND" : "ECONNREFUSED");
  assertEquals(linesOf(turn, 300).length, 18);
});

Deno.test("a failure ends the start at once, after some tries or never, as its row says", () => {
  const triesOf = (error: Error) => {
    const tries = new StartTries(() => 0);
    for (let count = 1; count <= 100; count++) {
      tries.failed(error);
      if (tries.ends(error)) return count;
    }
    return null;
  };
  assertEquals(triesOf(sqlError("28P01")), 1);
  assertEquals(triesOf(socketError("WEIR_NOT_POSTGRES")), 5);
  assertEquals(triesOf(socketError("ENOTFOUND")), null);
  assertEquals(triesOf(new Error("a bug")), null);
});

Deno.test("the try that succeeds is told when others failed before it", () => {
  let now = 0;
  const tries = new StartTries(() => now);
  assertEquals(tries.success(), null);
  tries.failed(socketError("ECONNREFUSED"));
  now = 3_000;
  assertMatch(tries.success() ?? "", /after 1 failed tries in 3 s/);
});
