/** The description of REST: valid, whole, and true to the router. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Validator } from "@seriousme/openapi-schema-validator";
import { PROCEDURES } from "../../../../server/front/calls/plain_call.ts";
import { descriptionAt } from "../../../../server/front/rest/description/document.ts";
import { EXAMPLES } from "../../../../server/front/rest/description/examples.ts";
import { FIELD_WORDS } from "../../../../server/front/rest/description/field_words.ts";
import { OPERATION_WORDS } from "../../../../server/front/rest/description/operation_words.ts";
import { OPERATIONS } from "../../../../server/front/rest/operations.ts";
import { TABLE } from "../../../support/access/table.ts";
import { Description, type Document, type Schema } from "../../../support/rest/description.ts";

const PATHS = ["/api/v1/openapi.json", "/openapi.json"];
const documentAt = (path: string) => JSON.parse(descriptionAt(path)) as Document;
const description = new Description(documentAt(PATHS[0]!));

Deno.test("the description is valid OpenAPI 3.1, and each reference in it leads somewhere", async () => {
  for (const path of PATHS) {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(JSON.parse(descriptionAt(path)));
    assert(valid, JSON.stringify(errors, null, 1));
    assertEquals(validator.version, "3.1");
    const text = descriptionAt(path);
    const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, place = ""]) => place);
    assert(references.length > 100);
    for (const place of references) {
      const found = place.split("/").reduce<unknown>(
        (part, name) => (part as Schema | undefined)?.[name],
        JSON.parse(text),
      );
      assert(found !== undefined, place);
    }
  }
});

Deno.test("the validator that judges the description finds a mistake in it", async () => {
  const broken = {
    ...documentAt(PATHS[0]!),
    openapi: "3.1.0",
    paths: { "/a": { get: { summary: 5 } } },
  };
  assertEquals((await new Validator().validate(broken)).valid, false);
});

/**
 * Patches are for a client that can apply them, and a stream of REST has full frames. A token is
 * renewed on a connection that lasts; a request of REST brings its own.
 */
const NOT_OVER_REST = ["dashboard.livePatches", "renewToken"];

Deno.test("every procedure of the router is an operation, of its own kind and scope", () => {
  const described = new Set(
    description.operations.map(({ operation }) => operation["x-procedure"]),
  );
  const expected = [...PROCEDURES.keys()].filter((path) => !NOT_OVER_REST.includes(path));
  assertEquals([...described].sort(), expected.sort());
  for (const { procedure, method, answers, scope, id } of OPERATIONS) {
    const { type } = PROCEDURES.get(procedure)!._def;
    assertEquals(method, type === "mutation" ? "POST" : "GET", id);
    assertEquals(answers.kind === "events", type === "subscription", id);
    assertEquals(scope, TABLE[procedure]!.scope, id);
  }
});

Deno.test("every operation is described under its own id, with words, and no words are left over", () => {
  const ids = OPERATIONS.map(({ id }) => id);
  assertEquals(new Set(ids).size, ids.length);
  assertEquals(
    description.operations.map(({ operation }) => operation.operationId).sort(),
    [...ids].sort(),
  );
  assertEquals(Object.keys(OPERATION_WORDS).sort(), [...ids].sort());
  const fields = new Set(OPERATIONS.flatMap(({ input }) => Object.keys(input.shape)));
  assertEquals(
    Object.keys(FIELD_WORDS).filter((name) => !fields.has(name) && !OF_AN_ORDER.has(name)),
    [],
  );
  assertEquals([...fields].filter((name) => FIELD_WORDS[name] === undefined), []);
});

/** These stand in the orders of a batch too. */
const OF_AN_ORDER = new Set(Object.keys(OPERATIONS[0]!.input.shape));

Deno.test("every example of the description fits its schema", () => {
  for (const [name, example] of Object.entries(EXAMPLES)) description.checkSchema(name, example);
  assertThrows(() => description.checkSchema("Order", { ...EXAMPLES["Order"] as object, more: 1 }));
  assertThrows(
    () => description.checkSchema("PlaceOrderBody", { currency: "EUR" }),
    Error,
    "lines",
  );
});

Deno.test("the body of an order says what the procedure takes, sizes included", () => {
  const { schemas } = description.document.components;
  const body = schemas["PlaceOrderBody"] as {
    properties: Record<string, Schema>;
    required: string[];
  };
  assertEquals(body.required, ["currency", "lines"]);
  assertEquals(Object.keys(body.properties).sort(), [
    "currency",
    "customerRef",
    "deadlineMs",
    "idempotencyKey",
    "lines",
    "metadata",
  ]);
  const { lines, customerRef } = body.properties;
  assertEquals([lines?.["type"], lines?.["minItems"], lines?.["maxItems"]], ["array", 1, 200]);
  assertEquals([customerRef?.["type"], customerRef?.["maxLength"]], ["string", 128]);
  const items = lines?.["items"] as { properties: Record<string, Schema> };
  assertEquals(items.properties["sku"]?.["maxLength"], 64);
  assertEquals(items.properties["quantity"]?.["maximum"], 1_000_000);
});

Deno.test("the address of the service is relative to the description, so that a proxy's path stays", () => {
  for (const path of PATHS) {
    const [server] = documentAt(path).servers;
    const place = new URL(server!.url, `https://shop.example/weir${path}`);
    assertEquals(place.href, "https://shop.example/weir/api/v1");
  }
});
