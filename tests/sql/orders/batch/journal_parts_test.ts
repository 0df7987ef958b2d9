import { assertEquals, assertLessOrEqual } from "@std/assert";
import {
  journalParts,
  PART_LINES,
  SHARED_LINES,
} from "../../../../sql/orders/batch/journal_parts.ts";

/** Orders of one store, of these many lines each. */
const ordersOf = (storeId: string, ...lines: number[]) =>
  lines.map((lineCount) => ({ storeId, lineCount }));

Deno.test("journalParts() lets stores with few lines share a part", () => {
  const orders = [...ordersOf("a", 1, SHARED_LINES - 1), ...ordersOf("b", 1)];
  assertEquals(journalParts(orders), [0, 0, 0]);
});

Deno.test("journalParts() gives a store with many lines parts of its own", () => {
  const orders = [
    ...ordersOf("a", SHARED_LINES),
    ...ordersOf("b", 1),
    ...ordersOf("a", 1),
    ...ordersOf("c", SHARED_LINES + 1),
  ];
  assertEquals(journalParts(orders), [1, 0, 1, 2]);
});

Deno.test("journalParts() bounds each part, of one store or of many", () => {
  const many = Array.from({ length: 50 }, (_, index) => ordersOf(`store ${index}`, 60)).flat();
  const orders = [...ordersOf("a", ...Array.from({ length: 10 }, () => 200)), ...many];
  const lines = new Map<number, number>();
  const stores = new Map<number, Set<string>>();
  for (const [index, part] of journalParts(orders).entries()) {
    const { storeId, lineCount } = orders[index]!;
    lines.set(part, (lines.get(part) ?? 0) + lineCount);
    stores.set(part, (stores.get(part) ?? new Set()).add(storeId));
  }
  for (const sum of lines.values()) assertLessOrEqual(sum, PART_LINES + 200);
  for (const [part, { size }] of stores) if (part > 0) assertEquals(size, 1);
  assertEquals([...lines.keys()].sort((a, b) => a - b), [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4]);
});

Deno.test("journalParts() of an empty batch has no part", () => assertEquals(journalParts([]), []));
