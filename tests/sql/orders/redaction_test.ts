import fc from "fast-check";
import { assert, assertEquals, assertFalse } from "@std/assert";
import { withoutData } from "../../../sql/orders/redaction.ts";
import { anOrder } from "../../support/load/orders.ts";

/** The names of the schema in the messages below. */
const NAMES = ["orders", "orders_ref_check", "customer_ref"];

/** Messages as PostgreSQL 15 has them in each language, about the value `secret` and our names. */
const TRANSLATED: readonly [language: string, withData: string, withNames: string][] = [
  [
    "en",
    'invalid input syntax for type integer: "secret"',
    'new row for relation "orders" violates check constraint "orders_ref_check"',
  ],
  [
    "de",
    "ungültige Eingabesyntax für Typ integer: »secret«",
    "neue Zeile für Relation »orders« verletzt Check-Constraint »orders_ref_check«",
  ],
  [
    "es",
    "el valor «secret» está fuera de rango para el tipo integer",
    "el nuevo registro para la relación «orders» viola la restricción «check» «orders_ref_check»",
  ],
  [
    "fr",
    "la valeur « secret » est en dehors des limites pour le type integer",
    "une valeur NULL viole la contrainte NOT NULL de la colonne « customer_ref » dans la relation « orders »",
  ],
  [
    "ja",
    '値"secret"は型integerの範囲外です',
    'リレーション"orders"の新しい行は検査制約"orders_ref_check"に違反しています',
  ],
  [
    "ko",
    '입력한 "secret" 값은 integer 자료형 범위를 초과했습니다',
    '새 자료가 "orders" 릴레이션의 "orders_ref_check" 체크 제약 조건을 위반했습니다',
  ],
  [
    "ru",
    'значение "secret" вне диапазона для типа integer',
    'новая строка в отношении "orders" нарушает ограничение-проверку "orders_ref_check"',
  ],
  [
    "uk",
    'неприпустимий синтаксис для типу integer: "secret"',
    "null значення в стовпці „customer_ref“ відношення “orders” порушує not-null обмеження",
  ],
  [
    "zh_CN",
    '值 "secret" 超出类型 integer 的范围',
    "关系「orders」的列『customer_ref』中的 NULL 值违反非空约束",
  ],
];

Deno.test("withoutData() cuts a quoted value and keeps quoted names, in each language", () => {
  // The order has another reference, so the value is cut only because it stands in quotes.
  const order = anOrder({ customerRef: "nobody" });
  for (const [language, withData, withNames] of TRANSLATED) {
    const bare = withoutData(withData, NAMES, order);
    assertEquals([language, bare], [language, withData.replace("secret", "…").replace(" … ", "…")]);
    const kept = withoutData(withNames, [...NAMES, "check"], order);
    assertEquals([language, kept], [language, withNames]);
  }
});

Deno.test("withoutData() cuts a value that has quotes in it, or that no quote ends", () => {
  const order = anOrder();
  const message = (value: string) => `invalid input syntax for type integer: "${value}"`;
  for (const value of ['a" secret "b', '" secret', 'secret "', '"', "«secret»", 'x" is "secret']) {
    assertEquals(withoutData(message(value), NAMES, order), message("…"));
  }
  assertEquals(withoutData('near "secret', NAMES, order), 'near "…');
});

Deno.test("withoutData() leaves no value of the order in it, wherever its author put it", () => {
  const text = fc.string({ minLength: 4, maxLength: 30, unit: "grapheme" })
    .filter((value) => /\S/.test(value) && value.trim() === value);
  const parts = fc.record({ customerRef: text, sku: text, note: text, price: fc.nat(10 ** 9) });
  fc.assert(fc.property(parts, ({ customerRef, sku, note, price }) => {
    const unitPriceMinor = price + 1_000;
    const lines = [{ sku, quantity: 1, unitPriceMinor }];
    const order = { ...anOrder(), customerRef, linesJson: JSON.stringify(lines) };
    const of = { ...order, totalMinor: unitPriceMinor, metadataJson: JSON.stringify({ note }) };
    const message = `no ${customerRef}, ${sku} of ${note} for ${unitPriceMinor} (${customerRef})`;
    const bare = withoutData(message, NAMES, of);
    const oneLine = (value: string) => value.replace(/\p{Cc}+/gu, " ");
    // The message has these words around the values, so they stay in it.
    const words = "no , of for ()…";
    for (const value of [customerRef, sku, note, String(unitPriceMinor)]) {
      if (words.includes(value) || !message.includes(value)) continue;
      assertFalse(bare.includes(oneLine(value)), `${JSON.stringify(value)} in ${bare}`);
    }
  }));
});

Deno.test("withoutData() keeps what is the rule's own: names, lengths of types, limits, currencies", () => {
  const order = anOrder({
    customerRef: "orders",
    lines: [{ sku: "tea", quantity: 30, unitPriceMinor: 45 }],
  });
  const kept = [
    "value too long for type character varying(30)",
    'relation "orders" has no tea_time and no 30th',
    "at most 5 pieces in EUR, 45.5 is the limit",
    "numeric field overflow",
  ];
  for (const message of kept) assertEquals(withoutData(message, NAMES, order), message);
  assertEquals(withoutData("Tea: 30 pieces at 45, 1350.", NAMES, order), "…: … pieces at …, ….");
});

Deno.test("withoutData() cuts the bytes of a character that cannot be encoded", () => {
  const message = 'character with byte sequence 0xf0 0x9f 0x8d 0xb5 in encoding "UTF8" has no ' +
    'equivalent in encoding "LATIN1"';
  assertEquals(
    withoutData(message, NAMES, anOrder()),
    'character with byte sequence … in encoding "…"',
  );
});

Deno.test("withoutData() is one line of at most 300 characters, and looks at no endless text", () => {
  const order = anOrder();
  assertEquals(withoutData("a\nb\r\n\tc\u2028d\u0000e", NAMES, order), "a b c d e");
  const long = withoutData("a".repeat(5_000), NAMES, order);
  assertEquals([long.length, long.at(-1)], [300, "…"]);
  assertEquals(withoutData("a".repeat(10_000), NAMES, order), "…");
  const begunAt = performance.now();
  withoutData(`${'"'.repeat(4_000)}${"0x00 ".repeat(700)}`, NAMES, order);
  assert(performance.now() - begunAt < 1_000);
});
