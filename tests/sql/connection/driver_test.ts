import fc from "fast-check";
import { assertEquals } from "@std/assert";
import { arrayLiteral, connect, parseArrayLiteral } from "../../../sql/connection/driver.ts";
import { WireProxy } from "../../support/faults/wire_proxy.ts";
import { withDatabase } from "../../support/services/database.ts";
import { until } from "../../support/services/services.ts";

Deno.test("arrayLiteral() takes any text array to PostgreSQL and back as it was", () =>
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

Deno.test("end() between two attempts to connect leaves no connection, of a query or of LISTEN", () =>
  withDatabase(async ({ url, sql }) => {
    const proxy = WireProxy.to(url);
    const open = (name: string) =>
      connect(proxy.through(url), {
        max: 1,
        backoff: () => 0.3, // long enough to end a client meanwhile
        connection: { application_name: name },
      });
    let heard = 0;
    const beside = open("beside");
    await beside.listen("channel", () => undefined, () => heard++);
    const listening = open("ended");
    await listening.listen("channel", () => undefined);
    const querying = open("ended");
    await querying`select 1`;
    proxy.dropConnections();
    const backends = async () =>
      (await sql`select from pg_stat_activity where application_name = 'ended'`).length;
    await until("the connections to be gone", async () => await backends() === 0);
    const query = querying`select 2`.catch(() => undefined);
    await Promise.all([listening.end({ timeout: 0 }), querying.end({ timeout: 0 }), query]);
    await until("LISTEN of the other client to be in force again", () => heard > 1);
    for (let later = 0; later < 3; later++) { // connections that were begun after the ended ones
      const client = open("beside");
      await client`select 1`;
      await client.end();
    }
    assertEquals(await backends(), 0);
    await beside.end({ timeout: 0 });
    await proxy.close();
  }));
