/**
 * The client in a real browser: orders in an outbox through reloads, a tab that is killed, two tabs, and
 * a network that the browser itself cuts. Each order is stored once.
 */
import { assertEquals } from "@std/assert";
import type { BrowserContext, Page } from "playwright-core";
import { anInput } from "../../support/load/orders.ts";
import { until } from "../../support/services/services.ts";
import { openPage, withBrowser } from "../chromium.ts";
import { KEY, type TestService, withService } from "../service.ts";
import type { Shop } from "./shop_script.ts";

interface Stage {
  readonly service: TestService;
  readonly context: BrowserContext;
  /** Opens the shop in a tab of the same browser profile. */
  open(store?: "indexed" | "web"): Promise<Page>;
  /** The number of rows of an order. */
  rowsOf(orderId: string): Promise<number>;
}

/** Calls one of the functions of the shop in a page. */
function ask<Name extends "add" | "states" | "entry" | "settled" | "orders">(
  page: Page,
  name: Name,
  ...args: Parameters<Shop[Name]>
): Promise<Awaited<ReturnType<Shop[Name]>>> {
  return page.evaluate(
    ([name, args]) => {
      const { shop } = globalThis as unknown as {
        shop: Record<string, (...all: unknown[]) => never>;
      };
      return shop[name as string]!(...(args as unknown[]));
    },
    [name, args] as const,
  );
}

async function withShop(test: (stage: Stage) => Promise<void>): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--platform",
      "browser",
      new URL("shop_script.ts", import.meta.url).pathname,
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const html =
    '<!DOCTYPE html><link rel="icon" href="data:,"><script type="module" src="/a.js"></script>';
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
    ({ url }) => {
      const isScript = new URL(url).pathname === "/a.js";
      const type = isScript ? "text/javascript" : "text/html";
      return new Response(isScript ? stdout : html, { headers: { "content-type": type } });
    },
  );
  const origin = `http://127.0.0.1:${server.addr.port}`;
  try {
    await withService(
      (service) =>
        withBrowser(async (browser) => {
          const context = await browser.newContext();
          await test({
            service,
            context,
            open: async (store = "indexed") => {
              const link = `#url=${encodeURIComponent(service.url)}&key=${KEY}&store=${store}`;
              const { page } = await openPage(browser, `${origin}/${link}`, { context });
              await page.waitForFunction("globalThis.shop !== undefined");
              return page;
            },
            rowsOf: async (orderId) => {
              const rows = await service.database.sql`
                select from orders where order_id = ${orderId}`;
              return rows.length;
            },
          });
          await context.close();
        }),
      undefined,
      { WEIR_ALLOWED_ORIGINS: origin },
    );
  } finally {
    await server.shutdown();
  }
}

const { idempotencyKey: _, ...ORDER } = anInput();
const PLACING = "**/trpc/orders.place**";

for (const store of ["indexed", "web"] as const) {
  Deno.test(`outbox in a browser (${store}): an order survives a reload in the middle of a try`, () =>
    withShop(async ({ open, rowsOf }) => {
      const page = await open(store);
      await page.route(PLACING, () => undefined); // no answer, ever
      const orderId = await ask(page, "add", ORDER);
      await until("the try", async () => (await ask(page, "states"))[orderId] === "sent");
      await page.reload();
      await page.waitForFunction("globalThis.shop !== undefined");
      const state = (await ask(page, "states"))[orderId]!;
      assertEquals(["unknown", "sent"].includes(state), true, state);
      await page.unrouteAll();
      await page.reload();
      await page.waitForFunction("globalThis.shop !== undefined");
      assertEquals(await ask(page, "settled", orderId), "committed");
      assertEquals(await rowsOf(orderId), 1);
    }));
}

Deno.test("outbox in a browser: an answer that a reload threw away makes no second order", () =>
  withShop(async ({ open, rowsOf }) => {
    const page = await open();
    await page.route(PLACING, async (route) => {
      await route.fetch(); // Weir has stored it, and the page never hears of it
    });
    const orderId = await ask(page, "add", ORDER);
    await until("the order in the database", async () => await rowsOf(orderId) === 1);
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.reload();
    await page.waitForFunction("globalThis.shop !== undefined");
    assertEquals(await ask(page, "settled", orderId), "committed");
    const entry = await ask(page, "entry", orderId);
    assertEquals([entry?.acknowledgement?.replayed, await rowsOf(orderId)], [true, 1]);
  }));

Deno.test("outbox in a browser: the orders of a tab that is killed are sent by the next one", () =>
  withShop(async ({ open, context, rowsOf }) => {
    const page = await open();
    await page.route(PLACING, () => undefined);
    const ids = [await ask(page, "add", ORDER), await ask(page, "add", ORDER)];
    await until("the tries", async () => {
      const states = await ask(page, "states");
      return ids.every((id) => states[id] === "sent");
    });
    const crashed = new Promise((resolve) => page.once("crash", resolve));
    const session = await context.newCDPSession(page);
    void session.send("Page.crash").catch(() => undefined);
    await crashed;
    const next = await open();
    for (const id of ids) {
      assertEquals(await ask(next, "settled", id), "committed");
      assertEquals(await rowsOf(id), 1);
    }
  }));

Deno.test("outbox in a browser: two tabs share one, and the second sends when the first is closed", () =>
  withShop(async ({ open, rowsOf, service }) => {
    const [first, second] = [await open(), await open()];
    const mine = await ask(first, "add", ORDER);
    const yours = await ask(second, "add", ORDER);
    for (const page of [first, second]) {
      assertEquals(await ask(page, "settled", mine), "committed");
      assertEquals(await ask(page, "settled", yours), "committed");
    }
    // The same order in both tabs at once is one.
    const same = { ...ORDER, idempotencyKey: "cart-1" };
    const [once, again] = await Promise.all([ask(first, "add", same), ask(second, "add", same)]);
    assertEquals(once, again);
    assertEquals(await ask(second, "settled", once), "committed");

    await service.stop();
    const late = await ask(second, "add", ORDER);
    await first.close();
    await service.start();
    assertEquals(await ask(second, "settled", late), "committed");
    for (const id of [mine, yours, once, late]) assertEquals(await rowsOf(id), 1);
  }));

Deno.test("outbox in a browser: orders wait while the browser has no network, and go when it is back", () =>
  withShop(async ({ open, context, rowsOf, service }) => {
    const page = await open();
    await until(
      "live figures",
      async () => (await page.evaluate("shop.statuses.at(-1)")) === "live",
    );
    await context.setOffline(true);
    const ids: string[] = [];
    for (let one = 0; one < 5; one++) ids.push(await ask(page, "add", ORDER));
    await until(
      "a failure",
      async () => (await ask(page, "entry", ids[0]!))?.failure?.reason === "no_answer",
    );
    assertEquals(await rowsOf(ids[0]!), 0);
    await context.setOffline(false);
    for (const id of ids) {
      assertEquals(await ask(page, "settled", id), "committed");
      assertEquals(await rowsOf(id), 1);
    }
    await until("the figures", async () => await ask(page, "orders") === 5);

    // The connection breaks: the figures say so, and come back by themselves.
    await service.stop();
    await until(
      "reconnecting",
      async () => (await page.evaluate("shop.statuses.at(-1)")) === "reconnecting",
    );
    await service.start();
    await service.api.orders.place.mutate(anInput());
    await until("the figures", async () => await ask(page, "orders") === 6);
    assertEquals(await page.evaluate("shop.statuses.at(-1)"), "live");
  }));
