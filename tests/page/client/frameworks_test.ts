/**
 * The client's package in a project of Vite: the page of its README, and one of React, of Vue, of Svelte
 * and of TanStack Query, each as a stranger would build it, in a real browser.
 */
import { assertEquals } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import { programsIn, run, withProject } from "../../client/package/project.ts";
import { awayFromMidnight } from "../../support/load/midnight.ts";
import { anInput } from "../../support/load/orders.ts";
import { until } from "../../support/services/services.ts";
import { openPage, withBrowser } from "../chromium.ts";
import { KEY, type TestService, withService } from "../service.ts";

const PACKAGES = [
  "@sveltejs/vite-plugin-svelte@7.3.1",
  "@tanstack/react-query@5",
  "@trpc/tanstack-react-query@11",
  "@vitejs/plugin-react@6",
  "react@19",
  "react-dom@19",
  "svelte@5",
  "vite@8",
  "vue@3",
];

const PAGES = ["readme.js", "react_page.jsx", "vue_page.js", "svelte_page.js", "tanstack_page.jsx"];

const CONFIG = `
import { svelte } from "@sveltejs/vite-plugin-svelte";
import react from "@vitejs/plugin-react";

export default {
  logLevel: "error",
  plugins: [react(), svelte()],
  build: { rollupOptions: { input: ${JSON.stringify(PAGES.map((name) => `${name}.html`))} } },
};
`;

/** Builds the pages, serves them on an origin that is listed, and runs `test`. */
async function withPages(
  test: (browser: Browser, service: TestService, origin: string) => Promise<void>,
): Promise<void> {
  await awayFromMidnight();
  await withProject(PACKAGES, async (folder) => {
    const examples = new URL("../../../examples/frameworks/", import.meta.url);
    for await (const { name } of Deno.readDir(examples)) {
      await Deno.copyFile(new URL(name, examples), `${folder}/${name}`);
    }
    await Deno.writeTextFile(`${folder}/readme.js`, (await programsIn("js"))[1]!);
    await Deno.writeTextFile(`${folder}/vite.config.js`, CONFIG);
    for (const name of PAGES) {
      const html =
        `<!DOCTYPE html><html lang="en"><title>${name}</title><link rel="icon" href="data:,"><main id="app"></main>
        <script type="module" src="./${name}"></script></html>`;
      await Deno.writeTextFile(`${folder}/${name}.html`, html);
    }
    await run(folder, "npx", ["vite", "build"]);
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => undefined },
      async ({ url }) => {
        const { pathname } = new URL(url);
        const type = pathname.endsWith(".js") ? "text/javascript" : "text/html";
        const file = await Deno.open(`${folder}/dist${pathname}`).catch(() => null);
        return new Response(file?.readable ?? null, {
          status: file === null ? 404 : 200,
          headers: { "content-type": type },
        });
      },
    );
    const origin = `http://127.0.0.1:${server.addr.port}`;
    try {
      await withService(
        (service) => withBrowser((browser) => test(browser, service, origin)),
        undefined,
        { WEIR_ALLOWED_ORIGINS: origin },
      );
    } finally {
      await server.shutdown();
    }
  });
}

/** Waits until the page's status and rows are these. */
async function shows(page: Page, status: string, rows: readonly string[]): Promise<void> {
  let seen = "";
  await until(`the page to show ${status}: ${rows}`, async () => {
    const found = await page.getByRole("status").textContent().catch(() => null) ?? "";
    const shown = await page.locator("li").allTextContents();
    seen = JSON.stringify([found, shown]);
    return found === status && rows.every((row, index) => shown[index]?.startsWith(row)) &&
      shown.length === rows.length;
  }).catch((error) => {
    throw new Error(`the page shows ${seen}`, { cause: error });
  });
}

Deno.test("pages of React, Vue and Svelte, and the README's, show live figures", () =>
  withPages(async (browser, service, origin) => {
    const open = async (name: string, store = "") => {
      const link = `#url=${encodeURIComponent(service.url)}&key=${KEY}${store}`;
      return await openPage(browser, `${origin}/${name}.html${link}`);
    };
    const pages = [];
    for (const name of PAGES.slice(1, 4)) pages.push(await open(name));
    const readme = await openPage(
      browser,
      `${origin}/readme.js.html?url=${encodeURIComponent(service.url)}&token=${KEY}`,
    );
    for (const { page } of pages) await shows(page, "live", []);
    await service.api.orders.place.mutate(anInput({ idempotencyKey: "cart-1" }));
    for (const { page } of pages) await shows(page, "live", ["EUR: 1 orders"]);
    await readme.page.getByText("EUR: 1 orders, 900 in minor units").waitFor();

    await service.stop();
    for (const { page } of pages) {
      await until("the page to say so", async () => {
        const status = await page.getByRole("status").textContent();
        return status !== "live" && (await page.locator("li").allTextContents()).length === 1;
      });
    }
    await service.start();
    await service.api.orders.place.mutate(anInput());
    for (const { page } of pages) await shows(page, "live", ["EUR: 2 orders"]);

    const orders = await open("tanstack_page.jsx", "&store=store-1");
    await until("the list", async () => (await orders.page.locator("li").count()) === 2);
    const first = orders.page.locator("li").filter({ hasText: "cart-1" });
    await first.getByRole("button").click();
    await first.filter({ hasText: "cancelled" }).waitFor();
    for (const { page } of pages) await shows(page, "live", ["EUR: 1 orders"]);

    const refused = await openPage(
      browser,
      `${origin}/react_page.jsx.html#url=${encodeURIComponent(service.url)}&key=wrong`,
    );
    await shows(refused.page, "the API key is wrong or revoked", []);
    for (const { errors } of [...pages, readme, orders]) {
      assertEquals(errors.filter((error) => !/WebSocket|ERR_CONNECTION/.test(error)), []);
    }
  }));
