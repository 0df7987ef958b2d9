import { assertEquals } from "@std/assert";
import currencies from "currency-codes";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatCounted,
  formatCountShort,
  formatDay,
  formatDuration,
  formatMinute,
  formatMoment,
  formatMoney,
  formatMoneyShort,
  formatTime,
  isSameDay,
  minorDigitsOf,
  NONE,
} from "../../../../client/dashboard/data/format.ts";

/** The space that `Intl` sets between a code and its amount: it does not break. */
const money = (minor: string, currency: string, locale: string) =>
  formatMoney(minor, currency, locale).replaceAll("\u00a0", " ");

Deno.test("formatMoney() sets the point where the currency has it", () => {
  assertEquals(money("123450", "EUR", "en-US"), "€1,234.50");
  assertEquals(money("123450", "JPY", "en-US"), "¥123,450");
  assertEquals(money("123450", "KWD", "en-US"), "KWD 123.450");
  assertEquals(money("123450", "CLF", "en-US"), "CLF 12.3450");
  assertEquals(money("123450", "EUR", "de-DE"), "1.234,50 €");
});

Deno.test("formatMoney() pads amounts below one unit", () => {
  assertEquals(money("0", "EUR", "en-US"), "€0.00");
  assertEquals(money("7", "EUR", "en-US"), "€0.07");
  assertEquals(money("-7", "EUR", "en-US"), "-€0.07");
  assertEquals(money("7", "BHD", "en-US"), "BHD 0.007");
  assertEquals(money("0", "JPY", "en-US"), "¥0");
});

Deno.test("formatMoney() keeps every digit of a sum past 2^53", () => {
  assertEquals(
    money("1234567890123456789012345", "EUR", "en-US"),
    "€12,345,678,901,234,567,890,123.45",
  );
  assertEquals(money("9007199254740993", "USD", "en-US"), "$90,071,992,547,409.93");
  assertEquals(money("-9007199254740993", "JPY", "en-US"), "-¥9,007,199,254,740,993");
});

Deno.test("formatMoney() shows a code that no list has, and one that is none", () => {
  assertEquals(money("123450", "ZZZ", "en-US"), "ZZZ 1,234.50");
  assertEquals(money("-123450", "E1", "en-US"), "E1 -1,234.50");
  assertEquals(money("7", "", "en-US"), " 0.07");
});

Deno.test("formatMoneyShort() and formatCountShort() take a few digits of a figure of any size", () => {
  const short = (minor: string, currency: string) =>
    formatMoneyShort(minor, currency, "en-US").replaceAll("\u00a0", " ");
  assertEquals(short("400000000979825", "EUR"), "€4T");
  assertEquals(short("123456789012345678", "KWD"), "KWD 123.46T");
  assertEquals(short("-18000000000003", "JPY"), "-¥18T");
  assertEquals(short("123450", "E1"), "E1 1.23K");
  assertEquals(formatCountShort("18000000000000003", "en-US"), "18,000T");
  assertEquals(formatCountShort(12, "en-US"), "12");
});

Deno.test("formatCounted() has one noun for one and another for more", () => {
  const counts = [0, 1, 2, "1", "9007199254740993"];
  assertEquals(counts.map((count) => formatCounted(count, "order", "en-US")), [
    "0 orders",
    "1 order",
    "2 orders",
    "1 order",
    "9,007,199,254,740,993 orders",
  ]);
});

Deno.test("minorDigitsOf() is ISO 4217's, for every currency an order can have", () => {
  const expected = currencies.data.map(({ code, digits }) => [code, digits]);
  assertEquals(expected.map(([code]) => [code, minorDigitsOf(String(code))]), expected);
  assertEquals(minorDigitsOf("XCG"), 2);
});

Deno.test("formatCount() keeps every digit", () => {
  assertEquals(formatCount(1_234, "en-US"), "1,234");
  assertEquals(formatCount("9007199254740993", "en-US"), "9,007,199,254,740,993");
});

Deno.test("formatAge() shows the two largest units", () => {
  const ages = [0, 999, 59_999, 60_000, 185_000, 3_599_999, 3_600_000, 7_440_000, 90_000_000];
  assertEquals(ages.map(formatAge), [
    "0 s",
    "0 s",
    "59 s",
    "1 min 00 s",
    "3 min 05 s",
    "59 min 59 s",
    "1 h 00 min",
    "2 h 04 min",
    "1 d 01 h",
  ]);
  assertEquals(formatAge(-5), "0 s", "a clock that was set back");
});

Deno.test("formatDuration() shows two or three digits", () => {
  assertEquals([null, 0, 0.42, 9.96, 12.4, 250, 1_000, 1_250].map(formatDuration), [
    NONE,
    "0 ms",
    "0.4 ms",
    "10 ms",
    "12 ms",
    "250 ms",
    "1 s",
    "1.25 s",
  ]);
});

Deno.test("formatBytes() takes the largest unit that fits", () => {
  assertEquals([0, 512, 1_024, 1_536, 67_108_864, 2 ** 40].map(formatBytes), [
    "0 B",
    "512 B",
    "1 KiB",
    "1.5 KiB",
    "64 MiB",
    "1024 GiB",
  ]);
});

Deno.test("times are shown in UTC", () => {
  assertEquals(formatTime("2026-03-01T23:59:59.999Z"), "23:59:59 UTC");
  assertEquals(formatTime("2026-03-01T23:59:59+02:00"), "21:59:59 UTC");
  assertEquals(formatTime(null), NONE);
  assertEquals(formatMinute("2026-03-01T04:05:00.000Z"), "04:05");
});

Deno.test("formatMoment() names the day of a time that is not of today", () => {
  const now = Date.parse("2026-03-01T23:59:59Z");
  assertEquals(formatMoment("2026-03-01T00:00:00.000Z", now), "00:00:00 UTC");
  assertEquals(formatMoment("2026-02-28T23:59:59.999Z", now), "2026-02-28 23:59:59 UTC");
  assertEquals(formatMoment(null, now), NONE);
  assertEquals(isSameDay("2026-03-01T00:00:00.000Z", now + 1_000), false);
  assertEquals(formatDay("2026-03-01T23:30:00-01:00"), "2026-03-02");
});
