import { assertEquals, assertThrows } from "@std/assert";
import { Refused } from "../../../../client/contract/refused.ts";
import { Streams } from "../../../../server/front/connections/streams.ts";

Deno.test("a connection and a key have a bound of streams, and an ended stream counts no more", () => {
  const streams = new Streams(2, 3);
  const [one, two] = [streams.ofConnection(), streams.ofConnection()];
  const open = [one.open("a"), one.open("a")];
  const refused = assertThrows(() => one.open("b"), Refused);
  assertEquals(refused.refusal.reason, "rate_limited");
  open.push(two.open("a"));
  assertThrows(() => two.open("a"), Refused, "a key has at most 3");
  two.open("b")[Symbol.dispose]();
  open[0]![Symbol.dispose]();
  open[0]![Symbol.dispose]();
  two.open("a");
  assertThrows(() => one.open("a"), Refused);
});
