/** docs/machines.md against the machines: the page is what the machines say now. */
import { assertEquals } from "@std/assert";
import { PAGE, pageText } from "../support/machines/page.ts";

Deno.test("docs/machines.md shows the machines as they are", async () => {
  const page = await Deno.readTextFile(PAGE);
  const how = "write it again: deno run -A tests/support/machines/page.ts";
  assertEquals(page.split("\n"), pageText().split("\n"), how);
});
