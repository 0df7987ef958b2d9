import fc from "fast-check";
import { assertEquals, assertThrows } from "@std/assert";
import {
  arrayLiteral,
  connect,
  parseArrayLiteral,
  parseTime,
} from "../../../sql/connection/driver.ts";
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

Deno.test("parseTime() reads ISO 8601 in UTC, and refuses every other style and zone", () => {
  assertEquals(parseTime("2026-02-05 10:00:00.25+00"), new Date("2026-02-05T10:00:00.250Z"));
  assertEquals(parseTime("2026-02-05 10:00:00+00").getTime(), Date.UTC(2026, 1, 5, 10));
  assertEquals(parseTime("2026-02-05").getTime(), Date.UTC(2026, 1, 5));
  const others = [
    "05/02/2026 10:00:00 UTC", // SQL, DMY
    "05.02.2026 10:00:00 UTC", // German
    "Thu 05 Feb 10:00:00 2026 UTC", // Postgres, DMY
    "2026-02-05 22:45:00+12:45", // another zone
    "infinity",
    "0044-03-15 00:00:00+00 BC",
  ];
  for (const text of others) assertThrows(() => parseTime(text), Error, "the server sent the time");
});
