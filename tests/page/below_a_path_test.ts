/** The dashboard page behind a proxy that serves it below a path. */
import { assertEquals } from "@std/assert";
import { startPathProxy } from "../support/faults/path_proxy.ts";
import { awayFromMidnight } from "../support/load/midnight.ts";
import { anInput } from "../support/load/orders.ts";
import { openPage, withBrowser } from "./chromium.ts";
import { KEY, withService } from "./service.ts";

Deno.test("the page below a path of a proxy loads whole, and its socket brings the figures", async () => {
  await awayFromMidnight();
  await withService((service) =>
    withBrowser(async (browser) => {
      const proxy = await startPathProxy(service.url, "/shops/weir");
      await service.api.orders.place.mutate(anInput({ storeId: "berlin" }));
      const { page, shows, errors, hosts } = await openPage(browser, `${proxy.url}#token=${KEY}`);
      await shows("connection", "connected");
      await shows("today-orders", "1");
      assertEquals(errors, []);
      assertEquals([...hosts], [new URL(proxy.url).host]);
      assertEquals(page.url(), proxy.url);
      await proxy.close();
    })
  );
});
