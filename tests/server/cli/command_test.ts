import { InvalidArgumentError } from "commander";
import { assertEquals, assertThrows } from "@std/assert";
import { durationMs, wholeNumber } from "../../../server/cli/command.ts";

Deno.test("durationMs() reads a number with a unit", () => {
  const durations = { "500ms": 500, "20s": 20_000, "1.5m": 90_000, "2h": 7_200_000 };
  for (const [text, ms] of Object.entries(durations)) assertEquals(durationMs(text), ms, text);
});

Deno.test("durationMs() refuses other text, and a duration that is too long for a timer", () => {
  for (const text of ["", "20", "s", "-1s", "0s", "0.1ms", "1e3s", "20 s", "2d", "600h", "20S"]) {
    assertThrows(() => durationMs(text), InvalidArgumentError);
  }
});

Deno.test("wholeNumber() takes whole numbers within its bounds, and nothing else", () => {
  const parse = wholeNumber(1, 10_000);
  assertEquals([parse("1"), parse("10000")], [1, 10_000]);
  for (const text of ["", "0", "10001", "1.5", "-1", "1e3", "ten"]) {
    assertThrows(() => parse(text), InvalidArgumentError);
  }
});
