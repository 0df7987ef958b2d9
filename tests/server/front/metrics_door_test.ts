/** The ways to the metrics: the service's port, a port of their own, and a token. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createServer } from "node:http";
import { readConfig } from "../../../server/config.ts";
import { ListenError } from "../../../server/front/connections/listen_error.ts";
import { request } from "../../support/load/raw_calls.ts";
import { KEY, withInstance } from "../../support/services/instance.ts";

const TOKEN = "for-the-scraper";
const METRIC = /^# TYPE weir_orders_total counter$/m;

Deno.test("metrics on a port of their own are not on the service's, and nothing else is there", () =>
  withInstance(async ({ url, instance }) => {
    const own = `http://127.0.0.1:${instance.metricsPort}`;
    assertMatch((await request(`${own}/metrics`)).text, METRIC);
    assertEquals((await request(`${own}/healthz`)).text, "ok\n");
    for (const path of ["/", "/readyz", "/trpc/whoami", "/index.html"]) {
      assertEquals((await request(`${own}${path}`)).status, 404, path);
    }
    const { status, text } = await request(`${url}/metrics`);
    assertEquals([status, METRIC.test(text)], [404, false]);
    assertEquals((await request(`${url}/healthz`)).status, 200);
    const foreign = await request(`${own}/metrics`, { headers: { origin: "http://evil.example" } });
    assertEquals([foreign.status, METRIC.test(foreign.text)], [403, false]);
    const { headers } = await request(`${own}/metrics`);
    assertEquals(headers.get("cache-control"), "no-store");
    assertEquals(headers.get("x-content-type-options"), "nosniff");
  }, { environment: { WEIR_METRICS_PORT: "0" } }));

for (const port of [undefined, "0"]) {
  const where = port === undefined ? "the service's port" : "a port of their own";
  Deno.test(`metrics behind a token are for nobody without it: ${where}`, () =>
    withInstance(async ({ url, instance }) => {
      const place = port === undefined ? url : `http://127.0.0.1:${instance.metricsPort}`;
      const scrape = (authorization?: string) =>
        request(`${place}/metrics`, authorization ? { headers: { authorization } } : {});
      const wrong = [undefined, "Bearer wrong", `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN];
      for (const authorization of [...wrong, `Bearer ${KEY}`]) {
        const { status, text, headers } = await scrape(authorization);
        assertEquals([status, METRIC.test(text)], [401, false], authorization);
        assertEquals(headers.get("www-authenticate"), "Bearer");
      }
      assertMatch((await scrape(`Bearer ${TOKEN}`)).text, METRIC);
      assertEquals((await request(`${place}/healthz`)).status, 200);
    }, {
      environment: {
        WEIR_METRICS_TOKEN: TOKEN,
        ...(port === undefined ? {} : { WEIR_METRICS_PORT: port }),
      },
    }));
}

Deno.test("a port of the metrics that is taken ends the start, and its line names the variable", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const address = other.address();
  assert(address !== null && typeof address === "object");
  const environment = { WEIR_METRICS_PORT: String(address.port) };
  const error = await assertRejects(
    () => withInstance(() => Promise.resolve(), { environment }),
    ListenError,
  );
  assertEquals(error.message, `WEIR_METRICS_PORT ${address.port} is in use by another process`);
  await new Promise((resolve) => other.close(resolve));
});

Deno.test("the service's port and the metrics' are read, and a token is never shown", () => {
  const { metricsPort, metricsToken } = readConfig({
    WEIR_METRICS_PORT: "9464",
    WEIR_METRICS_TOKEN: TOKEN,
  });
  assertEquals([metricsPort, metricsToken], [9_464, TOKEN]);
  assertEquals(readConfig({}).metricsPort, null);
  try {
    readConfig({ WEIR_METRICS_TOKEN: "s3 cr3t" });
  } catch (error) {
    assertMatch(String(error), /WEIR_METRICS_TOKEN is wrong/);
    assert(!String(error).includes("cr3t"));
    return;
  }
  throw new Error("a token with a space is taken");
});
