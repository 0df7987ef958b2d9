/** The words of a wrong input: the same for every procedure, and the unknown field first. */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { z } from "zod";
import { placeInput } from "../../../client/contract/order.ts";
import { invalidMessage, issuesOf } from "../../../server/router/input_issues.ts";
import { appRouter } from "../../../server/router/mod.ts";
import { anInput } from "../../support/load/orders.ts";

/** The issues of an input that does not fit. */
function issuesIn(shape: z.ZodType, input: unknown) {
  const { error } = shape.safeParse(input);
  if (error === undefined) throw new Error(`the input fits: ${JSON.stringify(input)}`);
  return issuesOf(error);
}

/** An order with other fields, and one line with other fields. */
function order(fields: Record<string, unknown>, line: Record<string, unknown> = {}): unknown {
  return {
    ...anInput(),
    lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 450, ...line }],
    ...fields,
  };
}

Deno.test("a misspelt field is the first issue, with the name that was meant", () => {
  const { storeId: storeID, ...rest } = anInput();
  const issues = issuesIn(placeInput, { ...rest, storeID });
  assertEquals(issues, [
    { path: "", message: "unknown field storeID, did you mean storeId?" },
    { path: "storeId", message: "missing, must be text" },
  ]);
  assertEquals(
    invalidMessage(issues),
    "unknown field storeID, did you mean storeId? (and 1 more)",
  );
});

Deno.test("an unknown field deep in the input comes first too, under its place", () => {
  const lines = [{ sku: "tea", quantity: 2, unit_price: 450 }];
  const wrong = order({ currency: "QQQ", lines });
  const issues = issuesIn(placeInput, wrong);
  assertEquals(
    invalidMessage(issues.slice(0, 1)),
    "lines.0: unknown field unit_price, did you mean unitPriceMinor?",
  );
  assertEquals(issues.map(({ path }) => path), ["lines.0", "currency", "lines.0.unitPriceMinor"]);
});

Deno.test("an unknown field that is near nothing is told the fields that there are", () => {
  const [one] = issuesIn(placeInput, order({}, { colour: "red" }));
  assertEquals(one?.message, "unknown field colour: the fields are sku, quantity, unitPriceMinor");
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`qqqq${at}`, at]));
  const [first] = issuesIn(placeInput, order(many));
  assertEquals(
    first?.message,
    "unknown field qqqq0, unknown field qqqq1, unknown field qqqq2, unknown field qqqq3, " +
      "unknown field qqqq4 and 4 more",
  );
});

Deno.test("a value of the wrong type is told what must stand there, and the usual slip", () => {
  const told: readonly (readonly [unknown, string, RegExp])[] = [
    [
      order({}, { quantity: "2" }),
      "lines.0.quantity",
      /^must be a whole number, not the text "2": leave the quotes out$/,
    ],
    [order({}, { quantity: 1.5 }), "lines.0.quantity", /^must be a whole number, not 1\.5$/],
    [order({}, { quantity: 0 }), "lines.0.quantity", /^must be at least 1$/],
    [order({}, { quantity: null }), "lines.0.quantity", /^must be a whole number, not null$/],
    [
      order({}, { unitPriceMinor: 19.99 }),
      "lines.0.unitPriceMinor",
      /minor units, not 19\.99: with two decimals 19\.99 is 1999$/,
    ],
    [
      order({}, { unitPriceMinor: "4.5" }),
      "lines.0.unitPriceMinor",
      /minor units, not the text "4\.5": with two decimals 4\.5 is 450$/,
    ],
    [order({ currency: "eur" }), "currency", /did you mean EUR\?$/],
    [order({ currency: "Euro" }), "currency", /did you mean EUR\?$/],
    [order({ currency: "QQQ" }), "currency", /alphabetic code$/],
    [order({ storeId: "Berlin" }), "storeId", /, did you mean berlin\?$/],
    [order({ storeId: " North Gate " }), "storeId", /, did you mean north-gate\?$/],
    [order({ storeId: "ÄÖ" }), "storeId", /\{0,63\}\$$/],
    [order({ idempotencyKey: 17 }), "idempotencyKey", /^must be text, not 17: put it in quotes$/],
    [order({ metadata: { cart: 5 } }), "metadata.cart", /^must be text, not 5: put it in quotes$/],
    [order({ customerRef: "x".repeat(129) }), "customerRef", /^must have at most 128 characters$/],
    [order({ lines: [] }), "lines", /^must have at least 1 entry$/],
    [JSON.stringify(order({})), "", /^must be an object, not the text .*: it is JSON within JSON$/],
    [undefined, "", /^missing, must be an object$/],
    [[order({})], "", /^must be an object, not an array$/],
  ];
  for (const [input, path, words] of told) {
    const [issue] = issuesIn(placeInput, input);
    assertEquals(issue?.path, path, JSON.stringify(input));
    assertMatch(issue?.message ?? "", words);
  }
});

Deno.test("every procedure with an input tells an unknown field", () => {
  let asked = 0;
  for (const [path, procedure] of Object.entries(appRouter._def.procedures)) {
    for (const shape of (procedure as { _def: { inputs: unknown[] } })._def.inputs) {
      const [issue] = issuesIn(shape as z.ZodType, { store_ID: "berlin", colour: "red" });
      assertMatch(issue?.message ?? "", /^unknown field /, path);
      asked++;
    }
  }
  assert(asked > 8, `${asked} inputs were asked`);
});

Deno.test("issues of a huge input are few and short, and cost little", () => {
  const long = "x".repeat(100_000);
  const line = (at: number) => [[`unitPriceMinr${at}`, 1], ["quantty", long], ["skuu", long]];
  const lines = Array.from({ length: 200 }, (_, at) => Object.fromEntries(line(at)));
  const begunAt = performance.now();
  const issues = issuesIn(placeInput, { ...anInput(), lines, [long]: 1 });
  assertLess(performance.now() - begunAt, 5_000);
  assertEquals(issues.length, 50);
  assertLess(JSON.stringify(issues).length, 50 * 400);
});
