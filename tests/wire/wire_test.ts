/**
 * The wire is unchanged. Every exchange of tests/wire is played with real instances and compared
 * with the fixture, which record.ts made.
 */
import { assertEquals } from "@std/assert";
import { appRouter } from "../../server/router/mod.ts";
import { SCENES } from "./exchanges.ts";
import { differences, readFixture } from "./fixture.ts";

for (const { name, play } of SCENES) {
  Deno.test(`the wire is as it was recorded: ${name}`, async () => {
    const recorded = (await readFixture())[name] ?? {};
    const found = differences(recorded, await play());
    if (found.length > 0) throw new Error(["", ...found].join("\n\n"));
  });
}

Deno.test("the fixture has every procedure, and every scene", async () => {
  const fixture = await readFixture();
  const text = JSON.stringify(fixture);
  const paths = Object.keys(appRouter._def.procedures);
  const missing = paths.filter((path) => !new RegExp(`[/"]${path}[?" ]`).test(text));
  assertEquals(missing, []);
  assertEquals(Object.keys(fixture), SCENES.map(({ name }) => name));
});
