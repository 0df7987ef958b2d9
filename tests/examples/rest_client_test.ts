/** The Python client of examples/, as its readers start it, against a real instance. */
import { assertEquals, assertMatch } from "@std/assert";
import { anInput } from "../support/load/orders.ts";
import { startPathProxy } from "../support/faults/path_proxy.ts";
import { KEY, withInstance } from "../support/services/instance.ts";

const ROOT = new URL("../../", import.meta.url);

/** Runs the client. @throws Error with one line that says how to get Python */
async function client(environment: Record<string, string>) {
  const command = new Deno.Command("python3", {
    args: ["-B", "examples/rest_client.py"],
    cwd: ROOT,
    env: environment,
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output().catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("this test needs Python: apt-get install -y --no-install-recommends python3");
  });
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const EXPECTED = `201 committed replayed=False 900
200 committed replayed=True 900
refused: invalid_input: currency
listed: True
orders today: `;

Deno.test("the Python client places, repeats, lists and follows orders", () =>
  withInstance(async ({ url, api, database: { sql } }) => {
    for (let count = 0; count < 5; count++) {
      await api.orders.place.mutate(anInput({ storeId: "berlin" }));
    }
    const { code, stdout, stderr } = await client({ WEIR_URL: url, WEIR_KEY: KEY });
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout.slice(0, EXPECTED.length), EXPECTED);
    assertMatch(stdout.slice(EXPECTED.length), /^\d+\n$/);
    assertEquals((await sql`select from orders`).length, 6);
  }));

Deno.test("the Python client works below a path of a proxy", () =>
  withInstance(async ({ url }) => {
    const proxy = await startPathProxy(url, "/shops/weir");
    const { stdout, stderr } = await client({ WEIR_URL: proxy.url, WEIR_KEY: KEY });
    await proxy.close();
    assertEquals(stderr, "");
    assertEquals(stdout.slice(0, EXPECTED.length), EXPECTED);
  }));

Deno.test("the Python client waits while the key is over its rate, and stores its order once", () =>
  withInstance(async ({ url, database: { sql } }) => {
    const { stdout, stderr } = await client({ WEIR_URL: url, WEIR_KEY: KEY });
    assertEquals(stderr, "");
    assertEquals(stdout.slice(0, EXPECTED.length), EXPECTED);
    assertEquals((await sql`select from orders`).length, 1);
  }, { environment: { WEIR_RATE_LIMIT_PER_SECOND: "1", WEIR_RATE_LIMIT_BURST: "1" } }));

Deno.test("the Python client without a key says what it needs, and ends", async () => {
  const { code, stderr } = await client({ WEIR_KEY: "" });
  assertEquals([code, stderr], [2, "WEIR_KEY is missing: an API key\n"]);
});
