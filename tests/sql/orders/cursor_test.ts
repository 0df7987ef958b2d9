import fc from "fast-check";
import { assertEquals } from "@std/assert";
import { z } from "zod";
import { decodeCursor, encodeCursor } from "../../../sql/orders/cursor.ts";

const ID = "00000000-0000-5000-8000-000000000000";
const time = z.iso.datetime();

Deno.test("encodeCursor() writes what decodeCursor() reads", () => {
  const times = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("2999-01-01") });
  fc.assert(fc.property(times, fc.uuid(), (at, id) => {
    const key = [at.toISOString(), id] as const;
    assertEquals(decodeCursor(encodeCursor(key), time), key);
  }));
});

Deno.test("encodeCursor() is base64 of JSON, as in the cursors that clients hold", () => {
  const text =
    "WyIyMDI2LTAxLTAyVDAzOjA0OjA1LjA2N1oiLCIwMDAwMDAwMC0wMDAwLTUwMDAtODAwMC0wMDAwMDAwMDAwMDAiXQ==";
  assertEquals(encodeCursor(["2026-01-02T03:04:05.067Z", ID]), text);
});

Deno.test("decodeCursor() is null for every other text, and for a time of another form", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    assertEquals(decodeCursor(text, time), null);
  }));
  const at = "2026-01-02T03:04:05.067Z";
  for (
    const key of [null, {}, [], [at], [at, "no uuid"], [at, ID, ""], ["infinity", ID], [1, ID]]
  ) {
    assertEquals(decodeCursor(btoa(JSON.stringify(key)), time), null);
  }
  assertEquals(decodeCursor(encodeCursor([at, ID]), time.startsWith("3")), null);
});
