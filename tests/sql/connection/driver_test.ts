import fc from "fast-check";
import { assertEquals } from "@std/assert";
import { arrayLiteral, parseArrayLiteral } from "../../../sql/connection/driver.ts";
import { withDatabase } from "../../support/services/database.ts";

Deno.test("any text array goes to PostgreSQL and back as it was", () =>
  withDatabase(async ({ sql }) => {
    const text = fc.string({ unit: "binary" }).filter((s) => s.isWellFormed() && !s.includes("\0"));
    const tricky = fc.constantFrom(null, "", "NULL", "null", '"', "\\", "a,b", "{}", " ", '\\"');
    const elements = fc.array(fc.oneof(text, tricky), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(elements, async (array) => {
        assertEquals(parseArrayLiteral(arrayLiteral(array)), array);
        const [row] = await sql`
          select ${arrayLiteral(array)}::text::text[]::text as literal,
                 to_jsonb(${arrayLiteral(array)}::text::text[]) as elements`;
        assertEquals(row?.["elements"], array);
        assertEquals(parseArrayLiteral(row?.["literal"]), array);
      }),
      { numRuns: 200 },
    );
  }));
