/**
 * Pages of strangers in a real browser, beside a service on this machine: they know its address and
 * its key, and place no order all the same, until their origin is listed.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { anInput } from "../../support/load/orders.ts";
import { request } from "../../support/load/raw_calls.ts";
import { openPage, withBrowser } from "../chromium.ts";
import type { ForeignScript, Target } from "./script.ts";
import { KEY, type TestService, withService } from "../service.ts";

/** Runs `test` with an open page of another origin, and a service with these variables. */
async function withStranger(
  test: (page: Page, service: TestService) => Promise<void>,
  environment: (origin: string) => Record<string, string> = () => ({}),
): Promise<void> {
  const script = await bundled("script.ts");
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
    ({ url }) =>
      new URL(url).pathname === "/script.js"
        ? new Response(script, { headers: { "content-type": "text/javascript" } })
        : new Response('<!DOCTYPE html><script type="module" src="/script.js"></script>', {
          headers: { "content-type": "text/html" },
        }),
  );
  const origin = `http://127.0.0.1:${server.addr.port}`;
  try {
    await withService(
      (service) =>
        withBrowser(async (browser) => {
          const { page } = await openPage(browser, `${origin}/`);
          await page.waitForFunction("globalThis.foreign !== undefined");
          await test(page, service);
        }),
      undefined,
      environment(origin),
    );
  } finally {
    await server.shutdown();
  }
}

async function bundled(name: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", new URL(name, import.meta.url).pathname],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Calls one of the functions of script.ts in the page. */
async function run(
  page: Page,
  name: keyof ForeignScript,
  { url }: TestService,
  storeId: string,
): Promise<Record<string, string>> {
  const orders = [anInput({ storeId }), anInput({ storeId })];
  const target: Target = { url, key: KEY, orders };
  return await page.evaluate(
    ({ name, target }) =>
      (globalThis as unknown as { foreign: ForeignScript }).foreign[name](target),
    { name, target },
  );
}

Deno.test("a foreign page that knows the key places and lists no order, and reads no metric", () =>
  withStranger(async (page, service) => {
    const tried = await run(page, "tryAll", service, "stolen");
    assertEquals(new Set(Object.values(tried)), new Set(["refused"]), JSON.stringify(tried));
    assertEquals((await service.api.orders.list.query({ storeId: "stolen" })).orders, []);
  }));

Deno.test("a page behind a rebound name reads nothing of a service on loopback", () =>
  withService(async (service) => {
    const { port } = new URL(service.url);
    await withBrowser(async (browser) => {
      // The stranger's name leads to this machine, as after its address was changed.
      const { page } = await openPage(browser, `http://evil.example:${port}/`);
      for (const path of ["/", "/metrics", "/healthz", "/trpc/whoami"]) {
        const answer = await page.evaluate(async (path: string) => {
          const answer = await fetch(path);
          return `${answer.status} ${await answer.text()}`;
        }, path);
        assertMatch(answer, /^403 .*evil\.example/s);
        assert(!answer.includes("weir_"), "a metric is read");
      }
    }, ["--host-resolver-rules=MAP evil.example 127.0.0.1"]);
    assertEquals((await request(`${service.url}/metrics`)).status, 200, "by its own name");
  }));

Deno.test("a listed origin uses the stock client by HTTP batch, event stream and WebSocket", () =>
  withStranger(async (page, service) => {
    assertEquals(await run(page, "useStockClient", service, "vite"), {
      "a call": "committed",
      "a call beside it": "true",
      "a stream of calls": "committed",
      "a socket": "vite",
      events: "vite",
      "a refusal": "401",
    });
    const { orders } = await service.api.orders.list.query({ storeId: "vite" });
    assertEquals(orders.length, 2);
  }, (origin) => ({ WEIR_ALLOWED_ORIGINS: origin })));
